//! Small writers of EEG formats, so that what the shared files lack can be read too.

/// A BrainVision header; `edit` may change its text.
pub struct BrainVision<'a> {
    pub channels: &'a [&'a str],
    pub sampling_interval_micros: u32,
    /// `INT_16`, `IEEE_FLOAT_32`, …; with `ASCII` in front, text.
    pub format: &'a str,
    pub orientation: &'a str,
    pub extra: &'a str,
}

impl BrainVision<'_> {
    /// The header of `name.eeg` and `name.vmrk`.
    pub fn header(&self, name: &str) -> String {
        let (data_format, binary) = match self.format {
            "ASCII" => ("ASCII", String::new()),
            format => ("BINARY", format!("[Binary Infos]\nBinaryFormat={format}\n")),
        };
        let channels = self.channels.iter().enumerate().map(|(i, line)| format!("Ch{}={line}\n", i + 1));
        format!(
            "Brain Vision Data Exchange Header File Version 1.0\n; by a test\n\n[Common Infos]\nDataFile={name}.eeg\n\
             MarkerFile={name}.vmrk\nDataFormat={data_format}\nDataOrientation={}\nNumberOfChannels={}\n\
             SamplingInterval={}\n{binary}{}\n[Channel Infos]\n{}",
            self.orientation,
            self.channels.len(),
            self.sampling_interval_micros,
            self.extra,
            channels.collect::<String>(),
        )
    }
}

pub fn markers(lines: &[&str]) -> String {
    let lines = lines.iter().enumerate().map(|(i, line)| format!("Mk{}={line}\n", i + 1));
    format!("Brain Vision Data Exchange Marker File, Version 1.0\n\n[Marker Infos]\n{}", lines.collect::<String>())
}

/// One signal of an EDF file: name, unit, physical limits, samples of every record.
pub struct EdfSignal<'a> {
    pub label: &'a str,
    pub unit: &'a str,
    pub samples_per_record: usize,
    /// `[record][sample]`, or text for annotations.
    pub records: Vec<Vec<i16>>,
}

/// An EDF file with digital and physical limits of ±1000, so that digital values are physical ones.
pub fn edf(reserved: &str, record_secs: &str, signals: &[EdfSignal]) -> Vec<u8> {
    let n = signals.len();
    let n_records = signals.first().map_or(0, |signal| signal.records.len());
    let mut text = String::new();
    let mut field = |width: usize, value: &str| text.push_str(&format!("{value:<width$}"));
    field(8, "0");
    field(160, "");
    field(8, "01.01.85");
    field(8, "00.00.00");
    field(8, &(256 * (n + 1)).to_string());
    field(44, reserved);
    field(8, &n_records.to_string());
    field(8, record_secs);
    field(4, &n.to_string());
    signals.iter().for_each(|signal| field(16, signal.label));
    signals.iter().for_each(|_| field(80, ""));
    signals.iter().for_each(|signal| field(8, signal.unit));
    for limit in ["-1000", "1000", "-1000", "1000"] {
        signals.iter().for_each(|_| field(8, limit));
    }
    signals.iter().for_each(|_| field(80, ""));
    signals.iter().for_each(|signal| field(8, &signal.samples_per_record.to_string()));
    signals.iter().for_each(|_| field(32, ""));
    let mut bytes = text.into_bytes();
    for record in 0..n_records {
        for signal in signals {
            bytes.extend(signal.records[record].iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    bytes
}

/// Annotations of one record, padded to `n_samples` samples of two bytes.
pub fn annotation_record(text: &str, n_samples: usize) -> Vec<i16> {
    let mut bytes = text.as_bytes().to_vec();
    assert!(bytes.len() <= 2 * n_samples);
    bytes.resize(2 * n_samples, 0);
    bytes.as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect()
}

/// Position from 1, code and, where `with_durations`, duration.
pub type GdfEvent = (u32, u16, u32);

/// A GDF file of one-second records, in microvolts and millivolts in turn; `channels` are name, code of the sample type, samples as bytes of each record.
pub fn gdf(is_v2: bool, channels: &[(&str, u32, Vec<Vec<u8>>)], n_records: i64, events: &[GdfEvent]) -> Vec<u8> {
    let n = channels.len();
    let mut bytes = vec![0; 256];
    bytes[..8].copy_from_slice(if is_v2 { b"GDF 2.20" } else { b"GDF 1.25" });
    bytes[236..244].copy_from_slice(&n_records.to_le_bytes());
    bytes[244..248].copy_from_slice(&1u32.to_le_bytes());
    bytes[248..252].copy_from_slice(&1u32.to_le_bytes());
    if is_v2 {
        bytes[184..186].copy_from_slice(&(n as u16 + 1).to_le_bytes());
        bytes[252..254].copy_from_slice(&(n as u16).to_le_bytes());
    } else {
        bytes[184..192].copy_from_slice(&(256 * (n as u64 + 1)).to_le_bytes());
        bytes[252..256].copy_from_slice(&(n as u32).to_le_bytes());
    }
    let width = |code: u32| match code {
        1 | 2 => 1,
        3 | 4 => 2,
        5 | 6 | 16 => 4,
        279 => 3,
        _ => 8,
    };
    let mut column = |value: &dyn Fn(usize) -> Vec<u8>| (0..n).for_each(|i| bytes.extend(value(i)));
    let padded = |text: &str, width: usize| {
        let mut field = text.as_bytes().to_vec();
        field.resize(width, 0);
        field
    };
    column(&|i| padded(channels[i].0, 16));
    column(&|_| padded("", 80));
    // Microvolts and millivolts in turn: by code in version 2, as text in version 1.
    if is_v2 {
        column(&|_| padded("", 6));
        column(&|i| if i % 2 == 0 { 4275u16 } else { 4274 }.to_le_bytes().to_vec());
    } else {
        column(&|i| padded(if i % 2 == 0 { "uV" } else { "mV" }, 8));
    }
    let limits = |value: f64, is_digital: bool| match is_digital && !is_v2 {
        true => (value as i64).to_le_bytes().to_vec(),
        false => value.to_le_bytes().to_vec(),
    };
    column(&|_| limits(-100.0, false));
    column(&|_| limits(100.0, false));
    column(&|_| limits(-100.0, true));
    column(&|_| limits(100.0, true));
    column(&|_| padded("", 80));
    column(&|i| ((channels[i].2[0].len() / width(channels[i].1)) as u32).to_le_bytes().to_vec());
    column(&|i| channels[i].1.to_le_bytes().to_vec());
    column(&|_| padded("", 32));
    for record in 0..channels[0].2.len() {
        channels.iter().for_each(|(_, _, records)| bytes.extend(&records[record]));
    }
    if !events.is_empty() {
        let n = (events.len() as u32).to_le_bytes();
        match is_v2 {
            true => bytes.extend([&[3, n[0], n[1], n[2]][..], &8f32.to_le_bytes()].concat()),
            false => bytes.extend([&[3, 8, 0, 0][..], &n].concat()),
        }
        events.iter().for_each(|event| bytes.extend(event.0.to_le_bytes()));
        events.iter().for_each(|event| bytes.extend(event.1.to_le_bytes()));
        events.iter().for_each(|_| bytes.extend(0u16.to_le_bytes()));
        events.iter().for_each(|event| bytes.extend(event.2.to_le_bytes()));
    }
    bytes
}

/// MAT-files of version 5.
pub mod mat {
    /// Bytes of an element, padded.
    fn element(kind: u32, data: &[u8], is_big: bool) -> Vec<u8> {
        let word = |value: u32| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut bytes = [word(kind), word(data.len() as u32)].concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[derive(Debug, Clone)]
    pub enum Value<'a> {
        Doubles(&'a [u32], Vec<f64>),
        Singles(&'a [u32], Vec<f32>),
        Text(&'a str),
        /// Field names, then elements.
        Struct(&'a [&'a str], Vec<Vec<Value<'a>>>),
        Cell(Vec<Value<'a>>),
    }

    fn matrix(name: &str, value: &Value, is_big: bool) -> Vec<u8> {
        let words = |values: &[u32]| -> Vec<u8> {
            values.iter().flat_map(|v| if is_big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
        };
        let head = |class: u32, dims: &[u32]| {
            [
                element(6, &words(&[class, 0]), is_big),
                element(5, &words(dims), is_big),
                element(1, name.as_bytes(), is_big),
            ]
            .concat()
        };
        let body = match value {
            Value::Doubles(dims, values) => {
                let data: Vec<u8> =
                    values.iter().flat_map(|v| if is_big { v.to_be_bytes() } else { v.to_le_bytes() }).collect();
                [head(6, dims), element(9, &data, is_big)].concat()
            }
            Value::Singles(dims, values) => {
                let data: Vec<u8> =
                    values.iter().flat_map(|v| if is_big { v.to_be_bytes() } else { v.to_le_bytes() }).collect();
                [head(7, dims), element(7, &data, is_big)].concat()
            }
            Value::Text(text) => {
                let units: Vec<u8> =
                    text.encode_utf16().flat_map(|u| if is_big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
                [head(4, &[1, units.len() as u32 / 2]), element(4, &units, is_big)].concat()
            }
            Value::Struct(fields, elements) => {
                let mut names = Vec::new();
                for field in *fields {
                    let mut name = field.as_bytes().to_vec();
                    name.resize(32, 0);
                    names.extend(name);
                }
                let mut bytes = head(2, &[1, elements.len() as u32]);
                bytes.extend(element(5, &words(&[32]), is_big));
                bytes.extend(element(1, &names, is_big));
                elements.iter().flatten().for_each(|value| bytes.extend(matrix("", value, is_big)));
                bytes
            }
            Value::Cell(cells) => {
                let mut bytes = head(1, &[1, cells.len() as u32]);
                cells.iter().for_each(|value| bytes.extend(matrix("", value, is_big)));
                bytes
            }
        };
        element(14, &body, is_big)
    }

    pub fn file(variables: &[(&str, Value)], is_big: bool, is_compressed: bool) -> Vec<u8> {
        let mut bytes = vec![b' '; 124];
        bytes.extend(if is_big { [1, 0, b'M', b'I'] } else { [0, 1, b'I', b'M'] });
        for (name, value) in variables {
            let plain = matrix(name, value, is_big);
            if is_compressed {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
                std::io::Write::write_all(&mut encoder, &plain).unwrap();
                let data = encoder.finish().unwrap();
                let word = |value: u32| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
                bytes.extend([word(15), word(data.len() as u32)].concat());
                bytes.extend(data);
            } else {
                bytes.extend(plain);
            }
        }
        bytes
    }
}

/// FIF: a list of tags.
pub mod fif {
    pub fn tag(kind: i32, data_type: i32, data: &[u8]) -> Vec<u8> {
        [kind, data_type, data.len() as i32, 0]
            .iter()
            .flat_map(|v| v.to_be_bytes())
            .chain(data.iter().copied())
            .collect()
    }

    pub fn int(kind: i32, value: i32) -> Vec<u8> {
        tag(kind, 3, &value.to_be_bytes())
    }

    /// Numbers as the format's dictionary has them.
    #[derive(Clone, Copy)]
    pub struct Channel {
        pub name: &'static str,
        pub kind: i32,
        pub coil: i32,
        pub unit: i32,
        pub power_of_ten: i32,
        pub range: f32,
        pub cal: f32,
    }

    pub const ELECTRODE: Channel =
        Channel { name: "EEG 001", kind: 2, coil: 1, unit: 107, power_of_ten: 0, range: 1.0, cal: 1e-6 };
    pub const PLANAR: Channel =
        Channel { name: "MEG 0113", kind: 1, coil: 3012, unit: 201, power_of_ten: 0, range: 0.5, cal: 2e-12 };

    fn channel(channel: &Channel) -> Vec<u8> {
        let Channel { name, kind, coil, unit, power_of_ten, range, cal } = channel;
        let mut data = vec![0; 96];
        data[8..12].copy_from_slice(&kind.to_be_bytes());
        data[12..16].copy_from_slice(&range.to_be_bytes());
        data[16..20].copy_from_slice(&cal.to_be_bytes());
        data[20..24].copy_from_slice(&coil.to_be_bytes());
        data[72..76].copy_from_slice(&unit.to_be_bytes());
        data[76..80].copy_from_slice(&power_of_ten.to_be_bytes());
        data[80..80 + name.len()].copy_from_slice(name.as_bytes());
        tag(203, 30, &data)
    }

    /// An electrode, in volts, and a gradiometer, in T/m.
    pub fn file(data: &[Vec<u8>]) -> Vec<u8> {
        file_of(&[ELECTRODE, PLANAR], 10.0, data)
    }

    /// `data` goes into the block of raw data.
    pub fn file_of(channels: &[Channel], rate_hz: f32, data: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = tag(100, 31, &[0; 20]);
        for part in [
            int(104, 100),
            int(104, 101),
            int(200, channels.len() as i32),
            tag(201, 4, &rate_hz.to_be_bytes()),
            channels.iter().flat_map(channel).collect(),
            // A nested block may have a rate of its own, which is not the recording's.
            int(104, 109),
            tag(201, 4, &99f32.to_be_bytes()),
            int(105, 109),
            int(105, 101),
            int(104, 102),
        ] {
            bytes.extend(part);
        }
        data.iter().for_each(|tag| bytes.extend(tag));
        bytes.extend(int(105, 102));
        bytes.extend(int(105, 100));
        bytes.extend(tag(108, 0, &[]));
        bytes
    }

    /// `[time, channel]`.
    pub fn shorts(values: &[i16]) -> Vec<u8> {
        tag(300, 16, &values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>())
    }
}
