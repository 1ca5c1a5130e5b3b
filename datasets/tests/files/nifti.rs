//! NIfTI images that are written come back; real ones agree with nibabel; spoilt ones are one line.

use std::fs;
use std::io::Write;
use std::path::Path;

use nullcline_datasets::inspect;
use nullcline_datasets::readers::nifti::{ByteOrder, Datatype, NiftiImage, Orientation};
use nullcline_datasets::readers::nifti_write::{NiftiToWrite, write};
use proptest::prelude::*;
use serde_json::Value;

use crate::shared_data::shared_data;

const AFFINE: [[f64; 4]; 3] = [[-2.0, 0.0, 0.0, 90.0], [0.0, 2.5, 0.0, -126.0], [0.0, 0.0, 3.0, -72.0]];

fn plain(datatype: Datatype, shape: &[usize]) -> NiftiToWrite<'_> {
    NiftiToWrite {
        version: 1,
        order: ByteOrder::Little,
        datatype,
        shape,
        affine: AFFINE,
        space_code: 4,
        repetition_time_secs: Some(2.0),
        scaling: [0.0, 0.0],
        intent_code: 0,
        extensions: &[],
    }
}

/// The smallest and the largest whole number that every reader must return exactly.
fn range(datatype: Datatype) -> [f64; 2] {
    match datatype {
        Datatype::UInt8 | Datatype::Rgb24 | Datatype::Rgba32 => [0.0, 255.0],
        Datatype::Int8 => [-128.0, 127.0],
        Datatype::Int16 => [-32768.0, 32767.0],
        Datatype::UInt16 => [0.0, 65535.0],
        Datatype::Int32 => [-2_147_483_648.0, 2_147_483_647.0],
        Datatype::UInt32 => [0.0, 4_294_967_295.0],
        Datatype::UInt64 => [0.0, 9e15],
        Datatype::Int64 | Datatype::Float64 | Datatype::Complex128 => [-9e15, 9e15],
        Datatype::Float32 | Datatype::Complex64 => [-16_777_216.0, 16_777_216.0],
    }
}

proptest! {
    /// Every type, order, version, kind of file and scaling: the values are `slope · stored + intercept` in f64.
    #[test]
    fn what_is_written_comes_back(
        datatype in prop::sample::select(Datatype::ALL.to_vec()),
        order in prop::sample::select(vec![ByteOrder::Little, ByteOrder::Big]),
        version in 1u8..3,
        name in prop::sample::select(vec!["a.nii", "a.nii.gz", "a.hdr", "a.hdr.gz"]),
        shape in prop::collection::vec(1usize..4, 1..6),
        scaling in prop::sample::select(vec![[0.0, 7.0], [1.0, 0.0], [0.5, -3.0], [-0.25, 1024.0]]),
        extension in prop::collection::vec(any::<u8>(), 0..40),
        shares in prop::collection::vec(0.0f64..=1.0, 4 * 243),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let [low, high] = range(datatype);
        let n = shape.iter().product::<usize>() * datatype.components().len().max(1);
        let stored: Vec<f64> = shares[..n].iter().map(|share| (low + share * (high - low)).round()).collect();
        let extensions = [(6, extension)];
        let nifti = NiftiToWrite { version, order, scaling, extensions: &extensions, ..plain(datatype, &shape) };
        write(&path, &nifti, stored.iter().copied()).unwrap();

        let mut image = NiftiImage::open(&path).unwrap();
        prop_assert_eq!(&image.header.shape, &shape);
        prop_assert_eq!((image.header.datatype, image.header.order, image.header.version), (datatype, order, version));
        prop_assert_eq!(image.header.affine, AFFINE);
        prop_assert_eq!(image.header.orientation, Orientation::Mni152);
        prop_assert_eq!(image.header.voxel_mm, [2.0, 2.5, 3.0]);
        prop_assert_eq!(image.extensions[0].code, 6);
        prop_assert!(image.extensions[0].content.starts_with(&extensions[0].1));
        let is_colour = matches!(datatype, Datatype::Rgb24 | Datatype::Rgba32);
        let [slope, intercept] = if scaling[0] == 0.0 || is_colour { [1.0, 0.0] } else { scaling };
        let expected: Vec<f64> = stored.iter().map(|value| value * slope + intercept).collect();
        let mut found: Vec<f64> = Vec::new();
        // In two pieces, as a stream is read.
        image.append(n / 2, &mut found).unwrap();
        image.append(n - n / 2, &mut found).unwrap();
        prop_assert_eq!(&found, &expected);
        prop_assert!(!image.finish().unwrap());
        let narrow: Vec<f32> = NiftiImage::open(&path).unwrap().read_all().unwrap();
        prop_assert_eq!(narrow, expected.iter().map(|&value| value as f32).collect::<Vec<f32>>());
    }

    /// Noise in a sound file, compressed or not, is a value or one line, never a panic.
    #[test]
    fn noise_is_an_error_or_a_value(
        at in 0usize..700,
        noise in prop::collection::vec(any::<u8>(), 1..32),
        keep in 0usize..2000,
        name in prop::sample::select(vec!["a.nii", "a.nii.gz"]),
        version in 1u8..3,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let extensions = [(32, b"<CIFTI Version=\"2\"/>".to_vec())];
        let nifti = NiftiToWrite { version, extensions: &extensions, ..plain(Datatype::Int16, &[3, 4, 5, 6]) };
        write(&path, &nifti, (0..360).map(f64::from)).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let end = (at + noise.len()).min(bytes.len());
        if at < end {
            bytes[at..end].copy_from_slice(&noise[..end - at]);
        }
        bytes.truncate(keep.max(at));
        fs::write(&path, bytes).unwrap();
        if let Err(error) = inspect(&path) {
            let message = error.to_string();
            prop_assert!(!message.contains('\n') && message.contains(name), "{message}");
        }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

fn assert_close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{what}: {found} instead of {expected}");
}

/// nibabel keeps the header's number of seconds; a repetition time of 2000 s is milliseconds, with a warning.
#[test]
fn real_images_agree_with_nibabel() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let manifest: Value = serde_json::from_slice(&fs::read(formats.join("MANIFEST.json")).unwrap()).unwrap();
    let mut n_compared = 0;
    for entry in manifest["files"].as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let reference = &entry["ref"];
        if reference["cls"] != "Nifti1Image" {
            continue;
        }
        let path = formats.join(file);
        let found = inspect(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let image = found.image.unwrap();
        let shape: Vec<f64> = image.shape.iter().map(|&extent| extent as f64).collect();
        assert_eq!(shape, numbers(&reference["shape"]), "{file}");
        let zooms = numbers(&reference["zooms"]);
        for (found, expected) in image.voxel_mm.iter().zip(&zooms) {
            assert_close(*found, *expected, &format!("{file} voxel"));
        }
        match (image.tr_s, zooms.get(3)) {
            (Some(found), Some(&zoom)) if zoom > 100.0 => {
                assert_close(found, zoom / 1000.0, file);
                assert!(found.fract() == 0.0 && found < 10.0, "{file}");
            }
            (found, zoom) => assert_eq!(found, zoom.copied(), "{file}"),
        }
        let open = NiftiImage::open(&path).unwrap();
        for (found, expected) in open.header.affine.iter().zip(reference["affine"].as_array().unwrap()) {
            for (found, expected) in found.iter().zip(numbers(expected)) {
                assert!((found - expected).abs() < 1e-5, "{file} affine {found} instead of {expected}");
            }
        }
        if reference["structured"].is_string() {
            assert!(image.mean.is_none() && found.channels.len() == 3, "{file}");
        } else {
            let all = &reference["all"];
            for (found, name) in [(image.mean, "mean"), (image.std, "std"), (image.min, "min"), (image.max, "max")] {
                assert_close(found.unwrap(), all[name].as_f64().unwrap(), &format!("{file} {name}"));
            }
            check_voxels(&path, reference, file);
        }
        n_compared += 1;
    }
    assert!(n_compared >= 10);
}

/// Means of the first volumes and one voxel's course.
fn check_voxels(path: &Path, reference: &Value, file: &str) {
    let image = NiftiImage::open(path).unwrap();
    let (shape, n_voxels) = (image.header.shape.clone(), image.n_voxels_per_volume());
    let values: Vec<f64> = image.read_all().unwrap();
    let volume = |t: usize| &values[t * n_voxels..(t + 1) * n_voxels];
    for (t, expected) in numbers(&reference["global_ts_first5"]).into_iter().enumerate() {
        assert_close(volume(t).iter().sum::<f64>() / n_voxels as f64, expected, &format!("{file} volume {t}"));
    }
    if let [i, j, k] = numbers(&reference["center_voxel_index"])[..] {
        let at = i as usize + shape[0] * (j as usize + shape[1] * k as usize);
        for (t, expected) in numbers(&reference["center_voxel_ts_first5"]).into_iter().enumerate() {
            assert_close(volume(t)[at], expected, &format!("{file} voxel at {t}"));
        }
    }
    // C order: the last axis fastest.
    for (k, expected) in numbers(&reference["flatC_first5"]).into_iter().enumerate() {
        assert_close(values[k * shape[0] * shape[1]], expected, &format!("{file} first values"));
    }
}

fn message(path: &Path) -> String {
    let message = inspect(path).unwrap_err().to_string();
    assert!(!message.contains('\n') && message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
    message
}

#[test]
fn malformed_real_images_are_one_line() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    assert!(message(&formats.join("malformed/nifti/crash-1.nii")).contains("sizeof_hdr 348 or 540 (byte 0), found 0"));
    let cut = formats.join("malformed/cifti/tpl-fsLR_atlas-4S_scale-156_den-91k_dseg.dlabel.nii");
    assert!(message(&cut).contains("need 1017496 bytes, as the header says, found 652368"));
}

/// Changes bytes of a sound header and says what the reader says.
fn spoilt(edit: impl Fn(&mut Vec<u8>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    write(&path, &plain(Datatype::Int16, &[3, 4, 5, 6]), (0..360).map(f64::from)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    edit(&mut bytes);
    fs::write(&path, bytes).unwrap();
    message(&path)
}

#[test]
fn each_lie_of_a_header_is_told() {
    let set = |at: usize, new: &[u8]| spoilt(|bytes| bytes[at..at + new.len()].copy_from_slice(new));
    assert!(set(0, &[7, 0]).contains("sizeof_hdr 348 or 540"));
    assert!(set(40, &[9, 0]).contains("1 to 7 axes in dim[0], found 9"));
    assert!(set(44, &[0, 0]).contains("positive extent in dim[2], found 0"));
    assert!(set(46, &[255, 255]).contains("positive extent in dim[3], found -1"));
    assert!(set(70, &[17, 0]).contains("code 17"));
    assert!(set(108, &4.5f32.to_le_bytes()).contains("vox_offset of at least 352"));
    assert!(set(112, &[&2.0f32.to_le_bytes()[..], &f32::NAN.to_le_bytes()].concat()).contains("scl_inter"));
    assert!(set(344, b"foo\0").contains("magic"));
    // 32767³ voxels and more.
    assert!(set(42, &[255, 127, 255, 127, 255, 127]).contains("bytes, as the header says, found 1072"));
    assert!(spoilt(|bytes| bytes.truncate(1071)).contains("need 1072 bytes, as the header says, found 1071"));
    assert!(spoilt(|bytes| bytes.truncate(347)).contains("need 348 bytes"));
    assert!(spoilt(Vec::clear).contains("found an empty one"));
}

/// A megabyte of zeros in a few bytes whose header promises a terabyte; a stream that ends early; a damaged one.
#[test]
fn compressed_files_that_lie_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let plain_path = folder.path().join("a.nii");
    write(&plain_path, &plain(Datatype::Int16, &[30, 40, 50, 6]), (0..360_000).map(|i| f64::from(i % 3001))).unwrap();
    let bytes = fs::read(&plain_path).unwrap();
    let path = folder.path().join("b.nii.gz");
    let compress = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let sound = compress(&bytes);
    fs::write(&path, &sound).unwrap();
    assert!(inspect(&path).is_ok());
    fs::write(&path, &sound[..sound.len() / 2]).unwrap();
    assert!(message(&path).contains("need 720352 bytes, as the header says, found"));
    let mut damaged = sound.clone();
    let checksum = sound.len() - 8;
    damaged[checksum] ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert!(message(&path).contains("gzip"));
    let mut promising = bytes[..352].to_vec();
    promising[42..48].copy_from_slice(&[255, 127, 255, 127, 255, 127]);
    promising.resize(1 << 20, 0);
    fs::write(&path, compress(&promising)).unwrap();
    assert!(message(&path).contains("as the header says"));
}

#[test]
fn bytes_after_the_last_value_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    write(&path, &plain(Datatype::UInt8, &[2, 2, 2]), (0..8).map(f64::from)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(1);
    fs::write(&path, bytes).unwrap();
    assert_eq!(inspect(&path).unwrap().warnings, ["Bytes follow after the last value."]);
}

/// A fifth axis is no time: neither a series for `inspect` nor a scan.
#[test]
fn a_fifth_axis_is_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    let check = |shape: &[usize], n_times: Option<usize>| {
        let values = (0..shape.iter().product::<usize>()).map(|i| i as f64);
        write(&path, &plain(Datatype::Float32, shape), values).unwrap();
        assert_eq!(inspect(&path).unwrap().n_times, n_times, "{shape:?}");
    };
    check(&[2, 2, 2, 3], Some(3));
    check(&[2, 2, 2, 3, 1], Some(3));
    check(&[2, 2, 2, 3, 2], None);
    check(&[2, 2, 2, 1, 6], None);
}

#[test]
fn a_sidecar_that_tells_another_time_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub-01_task-rest_bold.nii");
    write(&path, &plain(Datatype::Float32, &[2, 2, 2, 3]), (0..24).map(f64::from)).unwrap();
    let warnings = |sidecar: &str| {
        fs::write(path.with_extension("json"), sidecar).unwrap();
        inspect(&path).unwrap().warnings
    };
    assert!(warnings(r#"{"RepetitionTime": 2}"#).is_empty());
    let found = warnings(r#"{"RepetitionTime": 2.5}"#);
    assert_eq!(found, ["RepetitionTime is 2.5 s in the sidecar and 2 s in the file; the sidecar's counts."]);
}
