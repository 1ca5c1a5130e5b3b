//! From files to clean recordings: formats, cohorts, and what may go wrong with either.

mod bad_input;
mod cifti;
mod cohorts;
mod eeg;
mod eeg_bad_input;
mod eeg_synthetic;
mod eeg_writers;
mod fif;
mod fmriprep;
mod formats;
mod gaps;
mod manifest;
mod meg;
mod nifti;
mod roi_series;
mod round_trip;
mod round_trip_arrays;
mod seeds;
mod series;
mod shared_data;
