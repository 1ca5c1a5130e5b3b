//! Convex polygons of the plane and of what lies at infinity, as polygons on the sphere.

/// A convex polygon on the upper half of the sphere; its corners are `(x, y, w)` of length one, in order.
#[derive(Clone)]
pub(super) struct Polygon(Vec<[f64; 3]>);

/// Corners nearer to a line than this are on it.
const ON_LINE: f64 = 1e-13;
impl Polygon {
    pub fn plane() -> Self {
        Self(vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    }

    /// Whether part of the polygon lies clearly on the positive, and part on the negative side.
    pub fn sides(&self, line: &[f64; 3]) -> (bool, bool) {
        let floor = ON_LINE * length(line);
        let mut sides = (false, false);
        for corner in &self.0 {
            let height = dot(line, corner);
            sides.0 |= height > floor;
            sides.1 |= height < -floor;
        }
        if sides == (false, false) {
            // All corners are on the line: at infinity, on the line at infinity.
            let is_positive = dot(line, &self.middle()) > 0.0;
            return (is_positive, !is_positive);
        }
        sides
    }

    fn middle(&self) -> [f64; 3] {
        let sum = self.0.iter().fold([0.0; 3], |sum, corner| [0, 1, 2].map(|j| sum[j] + corner[j]));
        // The corners of the whole plane cancel.
        if length(&sum) > 1e-6 { sum } else { [0.0, 0.0, 1.0] }
    }

    pub fn clipped(&self, line: &[f64; 3], side: f64) -> Self {
        let corners = &self.0;
        let mut kept = Vec::with_capacity(corners.len() + 1);
        for (i, corner) in corners.iter().enumerate() {
            let next = &corners[(i + 1) % corners.len()];
            let (here, there) = (side * dot(line, corner), side * dot(line, next));
            if here >= 0.0 {
                kept.push(*corner);
            }
            if (here > 0.0 && there < 0.0) || (here < 0.0 && there > 0.0) {
                let (a, b) = (there.abs(), here.abs());
                let mut crossing = [0.0; 3];
                (0..3).for_each(|j| crossing[j] = a * corner[j] + b * next[j]);
                let size = length(&crossing);
                if size > 0.0 {
                    kept.push(crossing.map(|x| x / size));
                }
            }
        }
        // A line that comes from infinity and goes there has two opposite ends: a point between them tells which way.
        for i in 0..kept.len() {
            let next = (i + 1) % kept.len();
            if dot(&kept[i], &kept[next]) < -1.0 + 1e-12 {
                let slope = line[0] * line[0] + line[1] * line[1];
                let foot = [-line[0] * line[2] / slope, -line[1] * line[2] / slope, 1.0];
                let size = length(&foot);
                kept.insert(i + 1, foot.map(|x| x / size));
                break;
            }
        }
        Self(kept)
    }

    /// A point of the plane in the middle of the part of a line that lies inside, if one does.
    pub fn middle_of(&self, line: &[f64; 3]) -> Option<[f64; 2]> {
        let (true, true) = self.sides(line) else {
            return None;
        };
        let (above, below) = (self.clipped(line, 1.0), self.clipped(line, -1.0));
        let floor = 1e-9 * length(line);
        // The ends of the part are corners of both pieces.
        let ends = above.0.iter().chain(&below.0).filter(|corner| dot(line, corner).abs() <= floor);
        let [x, y, w] = ends.fold([0.0; 3], |sum, corner| [0, 1, 2].map(|j| sum[j] + corner[j]));
        (w > 1e-9).then_some([x / w, y / w])
    }

    /// A point of the plane inside.
    pub fn some_point(&self) -> Option<[f64; 2]> {
        let [x, y, w] = self.middle();
        (w > 1e-9).then_some([x / w, y / w])
    }

    /// Whether a point of the plane lies inside, or outside by no more than `slack` as seen from the middle of the sphere.
    pub fn holds(&self, [x, y]: [f64; 2], slack: f64) -> bool {
        let size = length(&[x, y, 1.0]);
        let point = [x / size, y / size, 1.0 / size];
        let corners = &self.0;
        (0..corners.len()).all(|i| {
            let edge = cross(&corners[i], &corners[(i + 1) % corners.len()]);
            let size = length(&edge);
            // Corners that fell together have no edge between them.
            size <= ON_LINE || dot(&edge, &point) >= -slack * size
        })
    }
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn length(a: &[f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

fn cross(a: &[f64; 3], b: &[f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
