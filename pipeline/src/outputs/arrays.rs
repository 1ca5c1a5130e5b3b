//! Arrays over time, in HDF5.

use std::path::Path;

use anyhow::{Context, Result};
use hdf5::types::VarLenUnicode;
use nalgebra::DMatrix;
use nullcline_datasets::{Channel, Inputs, Modality, Recording, Runs, SampleRate};

use super::atomic::write_whole;

/// The cleaned recording: `/samples [time, channel]` (NaN is missing), `/inputs [time, input]`, names and rate, and the
/// unbroken runs of samples: `/run_lengths [run]` and `/run_starts_s [run]`.
pub fn write_recording(path: &Path, recording: &Recording) -> Result<()> {
    write_whole(path, |temporary| {
        let file = create_without_times(temporary)?;
        let n_channels = recording.channels.len();
        write_matrix(&file, "samples", &recording.samples, n_channels)?;
        write_matrix(&file, "inputs", &recording.inputs.values, recording.inputs.names.len())?;
        let lengths: Vec<u64> = recording.runs.iter().map(|run| run.samples.len() as u64).collect();
        let starts: Vec<f64> = recording.runs.iter().map(|run| run.start_secs).collect();
        write_column(&file, "run_lengths", &lengths)?;
        write_column(&file, "run_starts_s", &starts)?;
        let names: Vec<&str> = recording.channels.iter().map(|channel| channel.name.as_str()).collect();
        let units: Vec<&str> = recording.channels.iter().map(|channel| channel.unit.as_str()).collect();
        let inputs: Vec<&str> = recording.inputs.names.iter().map(String::as_str).collect();
        write_names(&file, "channel_names", &names)?;
        write_names(&file, "channel_units", &units)?;
        write_names(&file, "input_names", &inputs)?;
        let rate = file.new_attr::<f64>().create("sampling_rate_hz")?;
        rate.write_scalar(&recording.sample_rate.hz())?;
        let modality = file.new_attr::<VarLenUnicode>().create("modality")?;
        modality.write_scalar(&recording.modality.folder().parse::<VarLenUnicode>()?)?;
        Ok(file.close()?)
    })
}

pub fn read_recording(path: &Path) -> Result<Recording> {
    let read = || -> Result<Recording> {
        let file = hdf5::File::open(path)?;
        let channels = read_names(&file, "channel_names")?
            .into_iter()
            .zip(read_names(&file, "channel_units")?)
            .map(|(name, unit)| Channel { name, unit })
            .collect();
        let modality = match file.attr("modality")?.read_scalar::<VarLenUnicode>()?.as_str() {
            "eeg" => Modality::Eeg,
            "meg" => Modality::Meg,
            "func" => Modality::Bold,
            _ => Modality::Spikes,
        };
        Ok(Recording {
            modality,
            sample_rate: SampleRate::from_hz(file.attr("sampling_rate_hz")?.read_scalar::<f64>()?)?,
            channels,
            samples: read_flat(&file, "samples")?,
            runs: read_runs(&file)?,
            inputs: Inputs { names: read_names(&file, "input_names")?, values: read_flat(&file, "inputs")? },
        })
    };
    read().with_context(|| format!("need a cleaned recording in {}", path.display()))
}

/// Held-out data beside free simulation, for whoever wants to redraw the report.
pub struct SimulationArrays<'a> {
    pub sampling_rate_hz: f64,
    pub channel_names: Vec<&'a str>,
    /// `[time, channel]`, both.
    pub data: &'a DMatrix<f64>,
    pub simulated: &'a DMatrix<f64>,
    /// `[time, M]`, both.
    pub encoded: &'a DMatrix<f64>,
    pub latent: &'a DMatrix<f64>,
    /// `[n, M]`.
    pub fixed_points: &'a DMatrix<f64>,
}

pub fn write_simulation(path: &Path, arrays: &SimulationArrays<'_>) -> Result<()> {
    write_whole(path, |temporary| {
        let file = create_without_times(temporary)?;
        for (name, matrix) in [
            ("data", arrays.data),
            ("simulated", arrays.simulated),
            ("encoded", arrays.encoded),
            ("latent", arrays.latent),
            ("fixed_points", arrays.fixed_points),
        ] {
            let rows: Vec<f32> = matrix.transpose().iter().map(|&value| value as f32).collect();
            write_matrix(&file, name, &rows, matrix.ncols())?;
        }
        write_names(&file, "channel_names", &arrays.channel_names)?;
        let rate = file.new_attr::<f64>().create("sampling_rate_hz")?;
        rate.write_scalar(&arrays.sampling_rate_hz)?;
        Ok(file.close()?)
    })
}

/// A file that does not say when it was made: same seed, same bytes.
fn create_without_times(path: &Path) -> Result<hdf5::File> {
    Ok(hdf5::File::with_options().with_fcpl(|root| root.obj_track_times(false)).create(path)?)
}

fn write_matrix(file: &hdf5::File, name: &str, rows: &[f32], n_columns: usize) -> Result<()> {
    let n_rows = rows.len().checked_div(n_columns).unwrap_or(0);
    let dataset = file.new_dataset::<f32>().obj_track_times(false).shape([n_rows, n_columns]).create(name)?;
    if !rows.is_empty() {
        dataset.write_raw(rows)?;
    }
    Ok(())
}

fn write_column<T: hdf5::H5Type>(file: &hdf5::File, name: &str, values: &[T]) -> Result<()> {
    let dataset = file.new_dataset::<T>().obj_track_times(false).shape([values.len()]).create(name)?;
    if !values.is_empty() {
        dataset.write_raw(values)?;
    }
    Ok(())
}

fn write_names(file: &hdf5::File, name: &str, names: &[&str]) -> Result<()> {
    let values: Vec<VarLenUnicode> = names
        .iter()
        // HDF5 strings end at a NUL.
        .map(|name| name.replace('\0', " ").parse())
        .collect::<Result<_, _>>()?;
    write_column(file, name, &values)
}

fn read_runs(file: &hdf5::File) -> Result<Runs> {
    let lengths = file.dataset("run_lengths")?.read_raw::<u64>()?;
    let starts = file.dataset("run_starts_s")?.read_raw::<f64>()?;
    Ok(Runs::from_lengths(lengths.into_iter().map(|n| n as usize).zip(starts)))
}

fn read_names(file: &hdf5::File, name: &str) -> Result<Vec<String>> {
    let values = file.dataset(name)?.read_raw::<VarLenUnicode>()?;
    Ok(values.iter().map(|value| value.as_str().to_string()).collect())
}

fn read_flat(file: &hdf5::File, name: &str) -> Result<Vec<f32>> {
    Ok(file.dataset(name)?.read_raw::<f32>()?)
}
