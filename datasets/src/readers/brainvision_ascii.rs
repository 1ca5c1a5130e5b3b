//! BrainVision samples as text: one line for each sample or, vectorized, for each channel.

use std::path::Path;

use super::brainvision::Orientation;
use super::brainvision_ini::Ini;
use super::error::{ReadError, one_line};
use super::sample_store::{ByteOrder, Bytes, Extent, SampleStore, SampleType};
use super::table::text_in;

/// What `[ASCII Infos]` says.
pub(super) struct AsciiLayout {
    orientation: Orientation,
    /// `.` or `,`.
    decimal: String,
    /// Names of channels, above the numbers.
    skip_lines: usize,
    /// Names of channels, left of the numbers.
    skip_columns: usize,
}

impl AsciiLayout {
    pub fn of(ini: &Ini, orientation: Orientation, path: &Path) -> Result<Self, ReadError> {
        let number = |key: &str| match ini.get("ASCII Infos", key) {
            None => Ok(0),
            Some(text) => text.parse().map_err(|_| {
                ReadError::field(format!("a whole number as {key} under [ASCII Infos]"), one_line(text), path)
            }),
        };
        Ok(Self {
            orientation,
            decimal: ini.get("ASCII Infos", "DecimalSymbol").unwrap_or(".").to_owned(),
            skip_lines: number("SkipLines")?,
            skip_columns: number("SkipColumns")?,
        })
    }
}

/// All samples of `n_channels` channels, held in memory, and how many there are of each.
pub(super) fn samples_in_text(
    path: &Path,
    layout: &AsciiLayout,
    n_channels: usize,
) -> Result<(SampleStore, usize), ReadError> {
    let text = text_in(path)?;
    let mut bytes = Vec::new();
    let mut n_lines = 0;
    let mut n_columns = None;
    for (i, line) in text.lines().enumerate().skip(layout.skip_lines).filter(|(_, line)| !line.trim().is_empty()) {
        let mut n = 0;
        for cell in line.split_whitespace().skip(layout.skip_columns) {
            let number =
                cell.replace(layout.decimal.as_str(), ".").parse::<f64>().map_err(|_| ReadError::NotANumber {
                    found: one_line(cell),
                    line: i as u64 + 1,
                    column: n + layout.skip_columns + 1,
                    name: "sample".to_owned(),
                    path: path.to_owned(),
                })?;
            bytes.extend(number.to_le_bytes());
            n += 1;
        }
        let needed = match layout.orientation {
            Orientation::Multiplexed => n_channels,
            Orientation::Vectorized => *n_columns.get_or_insert(n),
        };
        if n != needed {
            return Err(ReadError::RaggedRow {
                needed,
                separator: "blanks",
                found: n,
                line: i as u64 + 1,
                path: path.to_owned(),
            });
        }
        n_lines += 1;
    }
    let (n_times, found_channels) = match layout.orientation {
        Orientation::Multiplexed => (n_lines, n_channels),
        Orientation::Vectorized => (n_columns.unwrap_or(0), n_lines),
    };
    if n_times == 0 || found_channels != n_channels {
        return Err(ReadError::field(
            format!("samples of {n_channels} channels"),
            format!("{n_times} samples of {found_channels}"),
            path,
        ));
    }
    let extent = match layout.orientation {
        Orientation::Multiplexed => Extent::multiplexed(0, n_times, n_channels, SampleType::F64),
        Orientation::Vectorized => Extent::vectorized(0, n_times, n_channels, SampleType::F64),
    };
    Ok((SampleStore { bytes: Bytes::Memory(bytes), order: ByteOrder::Little, extents: vec![extent] }, n_times))
}
