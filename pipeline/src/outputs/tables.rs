//! Tables, as TSV for people and Parquet for programs, from one polars frame.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use polars::prelude::*;

use super::atomic::write_whole;

/// Columns of equal length, in order.
#[derive(Default)]
pub struct Table {
    columns: Vec<Column>,
}

impl Table {
    pub fn text(mut self, name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        self.columns.push(Column::new(name.into(), values));
        self
    }

    /// A value that is absent is `n/a` in TSV and null in Parquet.
    pub fn number(mut self, name: &str, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let values: Vec<Option<f64>> =
            values.into_iter().map(|value| value.filter(|value| value.is_finite())).collect();
        self.columns.push(Column::new(name.into(), values));
        self
    }

    pub fn count(mut self, name: &str, values: impl IntoIterator<Item = usize>) -> Self {
        let values: Vec<i64> = values.into_iter().map(|value| value as i64).collect();
        self.columns.push(Column::new(name.into(), values));
        self
    }

    /// Writes `<stem>.tsv` and `<stem>.parquet`; returns both paths.
    pub fn write(self, stem: &Path) -> Result<Vec<PathBuf>> {
        let height = self.columns.first().map_or(0, Column::len);
        let mut frame = DataFrame::new(height, self.columns)?;
        let (tsv, parquet) = (with_extension(stem, "tsv"), with_extension(stem, "parquet"));
        write_whole(&tsv, |temporary| write_tsv(temporary, &frame))?;
        write_whole(&parquet, |temporary| {
            ParquetWriter::new(File::create(temporary)?).finish(&mut frame)?;
            Ok(())
        })?;
        Ok(vec![tsv, parquet])
    }
}

fn with_extension(stem: &Path, extension: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

fn write_tsv(path: &Path, frame: &DataFrame) -> Result<()> {
    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_path(path)?;
    writer.write_record(frame.columns().iter().map(|column| column.name().as_str()))?;
    for row in 0..frame.height() {
        let cells = frame.columns().iter().map(|column| column.get(row).map(cell));
        writer.write_record(cells.collect::<Result<Vec<_>, _>>()?)?;
    }
    Ok(writer.flush()?)
}

fn cell(value: AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => "n/a".to_string(),
        AnyValue::Float64(number) => format!("{number}"),
        AnyValue::Int64(number) => number.to_string(),
        AnyValue::String(text) => text.to_string(),
        AnyValue::StringOwned(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// Numeric columns of a Parquet file: names and `[time, column]` values, missing ones as NaN.
pub fn read_parquet(path: &Path) -> Result<(Vec<String>, Vec<f64>)> {
    let read = || -> Result<(Vec<String>, Vec<f64>)> {
        let frame = ParquetReader::new(File::open(path)?).finish()?;
        let mut names = Vec::new();
        let mut columns = Vec::new();
        for column in frame.columns() {
            let numbers = column.cast(&DataType::Float64)?;
            names.push(column.name().to_string());
            columns.push(numbers.f64()?.iter().map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<_>>());
        }
        let values = (0..frame.height()).flat_map(|row| columns.iter().map(move |column| column[row]));
        Ok((names, values.collect()))
    };
    read().with_context(|| format!("need a Parquet table of numbers, found {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_the_same_from_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::default()
            .text("subject", ["sub-01", "sub\t02"])
            .number("d_h", [Some(0.25), None])
            .count("refit", [1, 2]);
        let paths = table.write(&folder.path().join("group_table")).unwrap();
        let text = std::fs::read_to_string(&paths[0]).unwrap();
        assert_eq!(text, "subject\td_h\trefit\nsub-01\t0.25\t1\n\"sub\t02\"\tn/a\t2\n");
        let frame = ParquetReader::new(File::open(&paths[1]).unwrap()).finish().unwrap();
        assert_eq!(frame.shape(), (2, 3));
        assert_eq!(frame.column("d_h").unwrap().null_count(), 1);
    }
}
