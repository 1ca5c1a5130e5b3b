//! From files to clean recordings: formats, cohorts, and what may go wrong with either.

mod bad_input;
mod brainvision;
mod cifti;
mod cohorts;
mod eeg;
mod eeg_bad_input;
mod eeg_records;
mod eeg_writers;
mod fif;
mod fmriprep;
mod formats;
mod gaps;
mod manifest;
mod matlab;
mod meg;
mod nifti;
mod remarks;
mod roi_series;
mod round_trip;
mod round_trip_arrays;
mod scratch;
mod seeds;
mod series;
mod shared_data;
