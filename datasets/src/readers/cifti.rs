//! CIFTI-2: matrices whose axes are times, parcels, labels or places in the brain, in a NIfTI-2 file with XML.
//!
//! Source: CIFTI-2 specification, 1 March 2014, <https://www.nitrc.org/projects/cifti/>. Element and attribute names
//! below are those of the specification.

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node, ParsingOptions};

use super::error::{ReadError, one_line};
use super::nifti::NiftiImage;

/// An open file; the values come from `image` in storage order, the first axis fastest.
pub struct Cifti {
    pub image: NiftiImage,
    /// In the order of storage: of a `dtseries`, time comes first and places second.
    pub axes: Vec<CiftiAxis>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CiftiAxis {
    Series {
        n: usize,
        /// Seconds from one point to the next; `None` where the unit is not time.
        step_secs: Option<f64>,
    },
    Scalars {
        names: Vec<String>,
    },
    Labels {
        maps: Vec<LabelMap>,
    },
    BrainModels {
        n: usize,
        models: Vec<BrainModel>,
    },
    Parcels {
        parcels: Vec<Parcel>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    pub name: String,
    pub names: BTreeMap<i64, String>,
}

/// Places of one structure, at `offset..offset + places.len()` of its axis.
#[derive(Debug, Clone, PartialEq)]
pub struct BrainModel {
    /// Such as `CIFTI_STRUCTURE_CORTEX_LEFT`.
    pub structure: String,
    pub offset: usize,
    pub places: Places,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Places {
    /// Of the structure's surface.
    Vertices(Vec<u32>),
    /// Indices `i, j, k` of a volume that all models share.
    Voxels(Vec<[u32; 3]>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    pub name: String,
    /// Vertices and voxels together.
    pub n_places: usize,
}

impl Places {
    pub fn len(&self) -> usize {
        match self {
            Self::Vertices(vertices) => vertices.len(),
            Self::Voxels(voxels) => voxels.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl CiftiAxis {
    pub fn len(&self) -> usize {
        match self {
            Self::Series { n, .. } | Self::BrainModels { n, .. } => *n,
            Self::Scalars { names } => names.len(),
            Self::Labels { maps } => maps.len(),
            Self::Parcels { parcels } => parcels.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The code of the header extension that holds the XML.
const XML_EXTENSION: i32 = 32;

/// The first four axes of the image are empty in CIFTI.
const UNUSED_AXES: usize = 4;

/// A parcellation of thousands of areas has some ten thousand elements.
const MOST_ELEMENTS: u32 = 200_000;

impl Cifti {
    /// Whether the image's extensions hold CIFTI's XML.
    pub fn is_in(image: &NiftiImage) -> bool {
        image.extensions.iter().any(|extension| extension.code == XML_EXTENSION)
    }

    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::of(NiftiImage::open(path)?)
    }

    /// Fails where the XML is missing or not sound, and where it does not fit the shape of the matrix.
    pub fn of(mut image: NiftiImage) -> Result<Self, ReadError> {
        let path = image.path().to_owned();
        let at = image.extensions.iter().position(|extension| extension.code == XML_EXTENSION);
        let xml = at.map(|at| image.extensions.swap_remove(at).content);
        let xml = xml.ok_or_else(|| ReadError::field("CIFTI's XML (extension 32)", "none", &path))?;
        let axes = axes(&xml, &path)?;
        let shape = image.header.shape.get(UNUSED_AXES..).unwrap_or_default();
        let found: Vec<usize> = axes.iter().map(CiftiAxis::len).collect();
        if shape != found || image.header.shape.iter().take(UNUSED_AXES).any(|&extent| extent != 1) {
            let needed = format!("a matrix of shape {found:?}, as the XML says");
            return Err(ReadError::field(needed, format!("{:?}", image.header.shape), &path));
        }
        Ok(Self { image, axes })
    }
}

fn axes(xml: &[u8], path: &Path) -> Result<Vec<CiftiAxis>, ReadError> {
    let unsound = |found: String| ReadError::field("sound CIFTI-2 XML", one_line(&found), path);
    // The extension is padded with zeros.
    let end = xml.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let text = std::str::from_utf8(&xml[..end]).map_err(|error| unsound(error.to_string()))?;
    let options = ParsingOptions { nodes_limit: MOST_ELEMENTS, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text.trim_start(), options).map_err(|error| unsound(error.to_string()))?;
    let root = document.root_element();
    // Some writers give "2.0".
    let is_version_2 = root.attribute("Version").and_then(|version| version.trim().parse::<f64>().ok()) == Some(2.0);
    if root.tag_name().name() != "CIFTI" || !is_version_2 {
        return Err(unsound(format!("<{} Version={:?}>", root.tag_name().name(), root.attribute("Version"))));
    }
    let maps = root.descendants().filter(|node| node.has_tag_name("MatrixIndicesMap"));
    let mut axes: BTreeMap<usize, CiftiAxis> = BTreeMap::new();
    for map in maps {
        let element = Element { node: map, path };
        for dimension in element.attribute("AppliesToMatrixDimension")?.split(',') {
            axes.insert(element.parsed("AppliesToMatrixDimension", dimension.trim())?, element.axis()?);
        }
    }
    let in_order = axes.keys().copied().eq(0..axes.len());
    if !in_order || !(2..=3).contains(&axes.len()) {
        return Err(unsound(format!("maps of the dimensions {:?}", axes.keys())));
    }
    Ok(axes.into_values().collect())
}

/// An element of the XML, and the file it is in.
#[derive(Clone, Copy)]
struct Element<'d, 'p> {
    node: Node<'d, 'd>,
    path: &'p Path,
}

impl<'d, 'p> Element<'d, 'p> {
    fn name(&self) -> &'d str {
        self.node.tag_name().name()
    }

    fn children(self, name: &'static str) -> impl Iterator<Item = Element<'d, 'p>> {
        self.node.children().filter(move |node| node.has_tag_name(name)).map(move |node| Self { node, ..self })
    }

    fn attribute(&self, name: &str) -> Result<&'d str, ReadError> {
        let missing = || ReadError::field(format!("{name} of <{}> in CIFTI's XML", self.name()), "none", self.path);
        self.node.attribute(name).ok_or_else(missing)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, ReadError> {
        self.parsed(name, self.attribute(name)?.trim())
    }

    fn parsed<T: std::str::FromStr>(&self, what: &str, text: &str) -> Result<T, ReadError> {
        text.parse().map_err(|_| {
            let needed = format!("a number as {what} of <{}> in CIFTI's XML", self.name());
            ReadError::field(needed, format!("{:?}", one_line(text)), self.path)
        })
    }

    /// The text of the child `name`.
    fn text(&self, name: &'static str) -> String {
        self.children(name).next().and_then(|child| child.node.text()).unwrap_or_default().trim().to_owned()
    }

    /// Whole numbers between white space.
    fn indices(&self) -> Result<Vec<u32>, ReadError> {
        let words = self.node.text().unwrap_or_default().split_ascii_whitespace();
        words.map(|word| self.parsed("an index", word)).collect()
    }

    fn triples(&self) -> Result<Vec<[u32; 3]>, ReadError> {
        let indices = self.indices()?;
        if indices.len() % 3 != 0 {
            let found = format!("{} numbers", indices.len());
            return Err(ReadError::field(format!("three indices a voxel in <{}>", self.name()), found, self.path));
        }
        Ok(indices.chunks_exact(3).map(|ijk| [ijk[0], ijk[1], ijk[2]]).collect())
    }

    fn axis(self) -> Result<CiftiAxis, ReadError> {
        match self.attribute("IndicesMapToDataType")? {
            "CIFTI_INDEX_TYPE_SERIES" => {
                let is_time = self.attribute("SeriesUnit")? == "SECOND";
                let exponent: i32 = self.number("SeriesExponent")?;
                let step: f64 = self.number("SeriesStep")?;
                Ok(CiftiAxis::Series {
                    n: self.number("NumberOfSeriesPoints")?,
                    step_secs: is_time.then(|| step * 10f64.powi(exponent)).filter(|secs| *secs > 0.0),
                })
            }
            "CIFTI_INDEX_TYPE_SCALARS" => {
                Ok(CiftiAxis::Scalars { names: self.children("NamedMap").map(|map| map.text("MapName")).collect() })
            }
            "CIFTI_INDEX_TYPE_LABELS" => {
                let maps = self.children("NamedMap").map(Self::label_map).collect::<Result<_, _>>()?;
                Ok(CiftiAxis::Labels { maps })
            }
            "CIFTI_INDEX_TYPE_BRAIN_MODELS" => self.brain_models(),
            "CIFTI_INDEX_TYPE_PARCELS" => {
                let parcels = self.children("Parcel").map(Self::parcel).collect::<Result<_, _>>()?;
                Ok(CiftiAxis::Parcels { parcels })
            }
            other => Err(ReadError::field("an axis type of CIFTI-2", one_line(other), self.path)),
        }
    }

    fn label_map(self) -> Result<LabelMap, ReadError> {
        let labels = self.children("LabelTable").flat_map(|table| table.children("Label"));
        let name = |label: Self| Ok((label.number("Key")?, label.node.text().unwrap_or_default().trim().to_owned()));
        Ok(LabelMap { name: self.text("MapName"), names: labels.map(name).collect::<Result<_, ReadError>>()? })
    }

    /// Models in the order of the axis, without gaps.
    fn brain_models(self) -> Result<CiftiAxis, ReadError> {
        let mut models = self.children("BrainModel").map(Self::brain_model).collect::<Result<Vec<_>, _>>()?;
        models.sort_by_key(|model| model.offset);
        let mut n = 0;
        for model in &models {
            if model.offset != n {
                let needed = format!("IndexOffset {n} for {}", one_line(&model.structure));
                return Err(ReadError::field(needed, model.offset.to_string(), self.path));
            }
            n += model.places.len();
        }
        Ok(CiftiAxis::BrainModels { n, models })
    }

    fn brain_model(self) -> Result<BrainModel, ReadError> {
        let places = match self.attribute("ModelType")? {
            "CIFTI_MODEL_TYPE_SURFACE" => {
                Places::Vertices(self.children("VertexIndices").next().map_or(Ok(Vec::new()), |e| e.indices())?)
            }
            _ => Places::Voxels(self.children("VoxelIndicesIJK").next().map_or(Ok(Vec::new()), |e| e.triples())?),
        };
        let count: usize = self.number("IndexCount")?;
        if places.len() != count {
            let needed = format!("{count} places in a <BrainModel>, as IndexCount says");
            return Err(ReadError::field(needed, places.len().to_string(), self.path));
        }
        let structure = self.attribute("BrainStructure")?.to_owned();
        Ok(BrainModel { structure, offset: self.number("IndexOffset")?, places })
    }

    fn parcel(self) -> Result<Parcel, ReadError> {
        let mut n_places = 0;
        for vertices in self.children("Vertices") {
            n_places += vertices.indices()?.len();
        }
        for voxels in self.children("VoxelIndicesIJK") {
            n_places += voxels.triples()?.len();
        }
        Ok(Parcel { name: self.attribute("Name")?.to_owned(), n_places })
    }
}
