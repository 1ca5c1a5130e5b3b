//! CIFTI-2: real files agree with nibabel; areas of a small parcellation get the means that they should.

use std::fs;
use std::path::Path;

use nullcline_datasets::inspect;
use nullcline_datasets::readers::nifti::{ByteOrder, Datatype};
use nullcline_datasets::readers::nifti_write::{NiftiToWrite, write};
use nullcline_datasets::volumes::{Parcellation, parcel_series, parcellate};
use serde_json::Value;

use crate::shared_data::shared_data;

#[test]
fn real_matrices_agree_with_nibabel() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let manifest: Value = serde_json::from_slice(&fs::read(formats.join("MANIFEST.json")).unwrap()).unwrap();
    let mut n_compared = 0;
    for entry in manifest["files"].as_array().unwrap() {
        let (file, reference) = (entry["file"].as_str().unwrap(), &entry["ref"]);
        if reference["cls"] != "Cifti2Image" {
            continue;
        }
        let found = inspect(&formats.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(found.format, "CIFTI-2");
        let image = found.image.unwrap();
        let shape: Vec<u64> = image.shape.iter().map(|&extent| extent as u64).collect();
        assert_eq!(Value::from(shape), reference["shape"], "{file}");
        for (found, name) in [(image.mean, "mean"), (image.std, "std"), (image.min, "min"), (image.max, "max")] {
            let (found, expected) = (found.unwrap(), reference["all"][name].as_f64().unwrap());
            assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{file} {name}: {found}");
        }
        let names = reference["axis0_names_first5"].as_array().unwrap();
        if file.ends_with(".dscalar.nii") || file.ends_with(".dlabel.nii") {
            let found: Vec<&str> = found.channels.iter().map(|channel| channel.name.as_str()).collect();
            assert_eq!(found, names.iter().filter_map(Value::as_str).collect::<Vec<_>>(), "{file}");
            // nibabel's first row is ours: the first map, place by place.
            check_first(&inspect(&formats.join(file)).unwrap().channels[0].first, &reference["flatC_first5"], file);
        }
        n_compared += 1;
    }
    assert_eq!(n_compared, 5);
}

fn check_first(found: &[Option<f64>], expected: &Value, file: &str) {
    let found: Vec<f64> = found.iter().flatten().copied().collect();
    let expected: Vec<f64> = expected.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert_eq!(found, expected, "{file}");
}

/// The first time of each parcel is the first row of nibabel's matrix.
#[test]
fn parcels_of_a_real_file_come_by_name() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    let path = formats.join("cifti/Conte69.MyelinAndCorrThickness.32k_fs_LR.ptseries.nii");
    let series = parcel_series(&path).unwrap();
    assert_eq!((series.n_times, series.regions.len()), (2, 54));
    assert_eq!(series.repetition_time_secs, Some(1.0));
    assert_eq!(series.regions[0].name, "MEDIAL.WALL");
    let first: Vec<f32> = series.regions.iter().take(5).map(|region| region.samples[0]).collect();
    assert_eq!(first, [1.431_012_3, 1.392_533_8, 1.521_327, 1.498_011_8, 1.618_780_4]);
}

const LEFT: &str = "CIFTI_STRUCTURE_CORTEX_LEFT";
const THALAMUS: &str = "CIFTI_STRUCTURE_THALAMUS_LEFT";

/// Brain models of some left vertices, then some thalamus voxels, as dimension 1.
fn models(vertices: &[u32], voxels: &[[u32; 3]]) -> String {
    let text = |indices: &mut dyn Iterator<Item = u32>| indices.map(|i| i.to_string()).collect::<Vec<_>>().join(" ");
    format!(
        "<MatrixIndicesMap AppliesToMatrixDimension=\"1\" IndicesMapToDataType=\"CIFTI_INDEX_TYPE_BRAIN_MODELS\">\
         <BrainModel IndexOffset=\"0\" IndexCount=\"{n}\" ModelType=\"CIFTI_MODEL_TYPE_SURFACE\" \
         BrainStructure=\"{LEFT}\" SurfaceNumberOfVertices=\"10\"><VertexIndices>{}</VertexIndices></BrainModel>\
         <BrainModel IndexOffset=\"{n}\" IndexCount=\"{}\" ModelType=\"CIFTI_MODEL_TYPE_VOXELS\" \
         BrainStructure=\"{THALAMUS}\"><VoxelIndicesIJK>{}</VoxelIndicesIJK></BrainModel></MatrixIndicesMap>",
        text(&mut vertices.iter().copied()),
        voxels.len(),
        text(&mut voxels.iter().flatten().copied()),
        n = vertices.len(),
    )
}

fn series_axis(n: usize) -> String {
    format!(
        "<MatrixIndicesMap AppliesToMatrixDimension=\"0\" IndicesMapToDataType=\"CIFTI_INDEX_TYPE_SERIES\" \
         NumberOfSeriesPoints=\"{n}\" SeriesExponent=\"-3\" SeriesStart=\"0\" SeriesStep=\"800\" SeriesUnit=\"SECOND\"/>"
    )
}

const LABELS: &str = "<MatrixIndicesMap AppliesToMatrixDimension=\"0\" \
    IndicesMapToDataType=\"CIFTI_INDEX_TYPE_LABELS\"><NamedMap><MapName>areas</MapName><LabelTable>\
    <Label Key=\"0\" Red=\"0\" Green=\"0\" Blue=\"0\" Alpha=\"0\">???</Label>\
    <Label Key=\"3\" Red=\"1\" Green=\"0\" Blue=\"0\" Alpha=\"1\">V1</Label>\
    <Label Key=\"8\" Red=\"1\" Green=\"0\" Blue=\"0\" Alpha=\"1\">pulvinar</Label>\
    </LabelTable></NamedMap></MatrixIndicesMap>";

fn write_cifti(path: &Path, axes: &str, shape: [usize; 2], values: &[f64]) {
    // As the specification has it, and as nibabel writes it.
    let version = if axes.contains("LABELS") { "2.0" } else { "2" };
    let xml = format!("<CIFTI Version=\"{version}\"><Matrix>{axes}</Matrix></CIFTI>");
    let nifti = NiftiToWrite {
        version: 2,
        order: ByteOrder::Little,
        datatype: Datatype::Float32,
        shape: &[1, 1, 1, 1, shape[0], shape[1]],
        affine: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
        space_code: 0,
        repetition_time_secs: None,
        scaling: [1.0, 0.0],
        intent_code: 3002,
        extensions: &[(32, xml.into_bytes())],
    };
    write(path, &nifti, values.iter().copied()).unwrap();
}

/// The series leaves out one vertex of V1 (as medial walls are left out), has its places in another order, and one
/// of them is silent; label 9 has no name.
#[test]
fn areas_are_means_over_the_places_that_were_measured() {
    let folder = tempfile::tempdir().unwrap();
    let [labels, series] = ["a.dlabel.nii", "b.dtseries.nii"].map(|name| folder.path().join(name));
    let axes = format!("{LABELS}{}", models(&[0, 1, 2, 3, 5], &[[4, 4, 4], [4, 4, 5]]));
    write_cifti(&labels, &axes, [1, 7], &[3.0, 3.0, 3.0, 3.0, 0.0, 8.0, 9.0]);
    let axes = format!("{}{}", series_axis(3), models(&[3, 2, 5, 0], &[[4, 4, 4], [9, 9, 9]]));
    #[rustfmt::skip]
    let values = [
        1.0, 2.0, 3.0,
        3.0, 6.0, 9.0,
        100.0, 100.0, 100.0,
        0.0, 0.0, 0.0,
        7.0, 8.0, 9.0,
        50.0, 50.0, 50.0,
    ];
    write_cifti(&series, &axes, [3, 6], &values);

    let parcellation = Parcellation::read(&labels).unwrap();
    let found = parcellate(&series, &parcellation).unwrap();
    assert_eq!(found.repetition_time_secs, Some(0.8));
    let summary: Vec<_> = found.regions.iter().map(|r| (r.label, r.name.as_str(), r.n_used, r.coverage)).collect();
    assert_eq!(summary, [(3, "V1", 2, 0.5), (8, "pulvinar", 1, 1.0), (9, "region 9", 0, 0.0)]);
    assert_eq!(found.regions[0].samples, [2.0, 4.0, 6.0]);
    assert_eq!(found.regions[1].samples, [7.0, 8.0, 9.0]);
    let signals = found.into_signals(None, 0.5).unwrap();
    assert_eq!(signals.channels.len(), 2);
    assert_eq!(signals.warnings, ["region 9 (label 9) vanishes: nothing of it was measured"]);
}

/// A series on the vertices of a real atlas, right hemisphere first and every third vertex left out, against the means
/// that numpy forms of the labels and vertices as nibabel 5.4.2 reads them. Every 97th vertex is silent.
#[test]
fn areas_of_a_real_atlas_agree_with_nibabel() {
    let Some(formats) = shared_data("formats") else {
        return;
    };
    const N_TIMES: usize = 4;
    let hemisphere = |h: u32| (0..32_492u32).filter(|v| v % 3 != 0).map(move |v| (h, v));
    let value = |(h, v): (u32, u32), t: usize| match v % 97 {
        0 => 0.0,
        _ => f64::from((v * 7919 + h * 31 + t as u32 * 104_729) % 1000) / 8.0,
    };
    let places: Vec<(u32, u32)> = hemisphere(1).chain(hemisphere(0)).collect();
    let values: Vec<f64> = places.iter().flat_map(|&place| (0..N_TIMES).map(move |t| value(place, t))).collect();
    let surface = |h: u32, side: &str, offset: usize| {
        let vertices: Vec<String> = hemisphere(h).map(|(_, v)| v.to_string()).collect();
        format!(
            "<BrainModel IndexOffset=\"{offset}\" IndexCount=\"{}\" ModelType=\"CIFTI_MODEL_TYPE_SURFACE\" \
             BrainStructure=\"CIFTI_STRUCTURE_CORTEX_{side}\" SurfaceNumberOfVertices=\"32492\"><VertexIndices>{}\
             </VertexIndices></BrainModel>",
            vertices.len(),
            vertices.join(" "),
        )
    };
    let axes = format!(
        "{}<MatrixIndicesMap AppliesToMatrixDimension=\"1\" IndicesMapToDataType=\"CIFTI_INDEX_TYPE_BRAIN_MODELS\">\
         {}{}</MatrixIndicesMap>",
        series_axis(N_TIMES),
        surface(1, "RIGHT", 0),
        surface(0, "LEFT", places.len() / 2),
    );
    let folder = tempfile::tempdir().unwrap();
    let series = folder.path().join("a.dtseries.nii");
    write_cifti(&series, &axes, [N_TIMES, places.len()], &values);

    let atlas = formats.join("cifti/Conte69.parcellations_VGD11b.32k_fs_LR.dlabel.nii");
    let found = parcellate(&series, &Parcellation::read(&atlas).unwrap()).unwrap();
    assert_eq!(found.regions.len(), 54);
    let expected: [(i64, &str, usize, f64, [f64; N_TIMES]); 5] = [
        (1, "MEDIAL.WALL", 3646, 0.6580039704024544, [62.22785244, 62.91127263, 63.08043061, 61.98107515]),
        (2, "BA2_FRB08", 654, 0.6693961105424769, [60.35990062, 62.22649083, 63.90194954, 61.56364679]),
        (11, "BA44_FRB08", 326, 0.6533066132264529, [60.16679448, 62.71817485, 64.88611963, 60.91909509]),
        (53, "ER_FRB08", 140, 0.6796116504854369, [60.81607143, 58.19107143, 61.81607143, 67.22678571]),
        (95, "13b_OFP03", 89, 0.6793893129770993, [59.21067416, 56.23455056, 64.49438202, 65.73174157]),
    ];
    for (label, name, n_used, coverage, means) in expected {
        let region = found.regions.iter().find(|region| region.label == label).unwrap();
        assert_eq!((region.name.as_str(), region.n_used), (name, n_used));
        assert!((region.coverage - coverage).abs() < 1e-12, "{name}: {}", region.coverage);
        let differ = region.samples.iter().zip(means).any(|(&found, mean)| (f64::from(found) - mean).abs() > 1e-5);
        assert!(!differ && region.samples.len() == N_TIMES, "{name}: {:?}", region.samples);
    }
}

#[test]
fn lies_of_the_xml_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dtseries.nii");
    let message = |axes: &str| {
        write_cifti(&path, axes, [3, 2], &[0.0; 6]);
        let message = inspect(&path).unwrap_err().to_string();
        assert!(!message.contains('\n') && message.contains("a.dtseries.nii"), "{message}");
        message
    };
    let sound = format!("{}{}", series_axis(3), models(&[1], &[[1, 2, 3]]));
    assert!(message(&sound.replace("Points=\"3\"", "Points=\"1000000000000\"")).contains("1000000000000"));
    assert!(message(&sound.replace("IndexCount=\"1\"", "IndexCount=\"9\"")).contains("9 places"));
    assert!(message(&sound.replace("IndexOffset=\"1\"", "IndexOffset=\"7\"")).contains("IndexOffset 1"));
    assert!(message(&sound.replace("1 2 3", "1 2")).contains("three indices"));
    assert!(message(&sound.replace("1 2 3", "1 2 x")).contains("\"x\""));
    assert!(message(&sound.replace("TYPE_SERIES", "TYPE_TIMES")).contains("CIFTI_INDEX_TYPE_TIMES"));
    assert!(message(&series_axis(3)).contains("dimensions"));
    assert!(message("<MatrixIndicesMap").contains("sound CIFTI-2 XML"));
    assert!(message(&"<a/>".repeat(300_000)).contains("sound CIFTI-2 XML"));
}
