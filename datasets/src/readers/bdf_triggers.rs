//! Triggers of BioSemi: the low 16 bits of the channel "Status".
//!
//! Source: BioSemi, "Trigger signals", <https://www.biosemi.com/faq/trigger_signals.htm>.

use super::edf_header::{EdfHeader, Family};

/// The channel, and what has been read of it.
pub(super) struct TriggerChannel {
    /// In a data record, in bytes.
    pub offset: usize,
    pub n_bytes: usize,
    pub samples_per_record: usize,
    before: Option<u16>,
}

/// A code, and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trigger {
    /// In its record, from 0.
    pub sample: usize,
    pub code: u16,
}

impl TriggerChannel {
    /// `None` where the file has no such channel.
    pub fn of(header: &EdfHeader) -> Option<Self> {
        let width = header.family.sample_type().bytes();
        let mut offset = 0;
        for signal in &header.signals {
            let (samples_per_record, n_bytes) = (signal.samples_per_record, signal.samples_per_record * width);
            if header.family == Family::Bdf && signal.label.eq_ignore_ascii_case("Status") {
                return Some(Self { offset, n_bytes, samples_per_record, before: None });
            }
            offset += n_bytes;
        }
        None
    }

    /// The codes that begin in the bytes of the next record: where the number rises, as a line going down ends one. What stands at
    /// the very first sample began earlier.
    pub fn next(&mut self, record: &[u8]) -> Vec<Trigger> {
        let mut found = Vec::new();
        for (sample, bytes) in record.as_chunks::<3>().0.iter().enumerate() {
            let code = u16::from_le_bytes([bytes[0], bytes[1]]);
            if self.before.is_some_and(|before| code > before) {
                found.push(Trigger { sample, code });
            }
            self.before = Some(code);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_begin_where_the_number_rises() {
        let mut channel = TriggerChannel { offset: 0, n_bytes: 0, samples_per_record: 5, before: None };
        let bytes = |codes: [u16; 5]| {
            codes.iter().flat_map(|c| [c.to_le_bytes()[0], c.to_le_bytes()[1], 0x58]).collect::<Vec<u8>>()
        };
        let trigger = |sample, code| Trigger { sample, code };
        assert_eq!(channel.next(&bytes([7, 0, 3, 3, 0])), [trigger(2, 3)]);
        assert_eq!(channel.next(&bytes([512, 513, 1, 0, 1])), [trigger(0, 512), trigger(1, 513), trigger(4, 1)]);
    }
}
