//! Space while it is being cut, and how the cell around a given trace is found.

use super::Cell;
use super::plane::Plane;
use crate::pattern::ActivationPattern;

/// The cells so far, and a decision tree over the planes that cut them: from a sign pattern to its cell in as
/// many comparisons as that cell was cut.
pub(super) struct Division {
    pub cells: Vec<Cell>,
    nodes: Vec<Node>,
    /// Cells that the tree does not lead to, because they were too thin to be seen when the tree grew around them.
    strays: Vec<usize>,
}

enum Node {
    Cell(usize),
    /// Below, the cells on the negative and on the positive side of a plane.
    Cut {
        plane: usize,
        sides: [usize; 2],
    },
}

impl Division {
    /// All of space, of which `n_planes` planes will be asked.
    pub fn undivided(dim: usize, n_planes: usize) -> Self {
        let space = Cell { signs: ActivationPattern::inactive(n_planes), witness: vec![0.0; dim] };
        Self { cells: vec![space], nodes: vec![Node::Cell(0)], strays: Vec::new() }
    }

    /// Cuts the cell of these signs (over the planes before `k`) by plane `k`, of which `halves` lie on either side.
    pub fn cut(&mut self, k: usize, plane: &Plane, signs: &ActivationPattern, halves: [Vec<f64>; 2]) {
        let leaf = self.leaf_of(signs);
        let whole = match self.nodes[leaf] {
            Node::Cell(index) if self.cells[index].signs.agrees_before(k, signs) => Some(index),
            _ => self.strays.iter().copied().find(|&index| self.cells[index].signs.agrees_before(k, signs)),
        };
        let side_of_whole = whole.map(|index| self.cells[index].signs.is_active(k));
        let mut indices = [whole.unwrap_or(0); 2];
        for (side, witness) in [false, true].into_iter().zip(halves) {
            match whole {
                // One half is already there, by the side of its witness. A witness on the plane itself, as the origin
                // is for every plane through it, is no witness any more.
                Some(index) if side_of_whole == Some(side) => {
                    let old = &mut self.cells[index].witness;
                    if plane.height(&witness).abs() > plane.height(old).abs() {
                        *old = witness;
                    }
                }
                // The other half is new, or both are, where no cell was known around the trace.
                _ => {
                    let mut signs = signs.resized(self.cells[0].signs.len());
                    signs.set(k, side);
                    indices[usize::from(side)] = self.cells.len();
                    self.cells.push(Cell { signs, witness });
                }
            }
        }
        match self.nodes[leaf] {
            Node::Cell(index) if whole == Some(index) => {
                let first = self.nodes.len();
                self.nodes.extend(indices.map(Node::Cell));
                self.nodes[leaf] = Node::Cut { plane: k, sides: [first, first + 1] };
            }
            _ => self.strays.extend(indices.into_iter().filter(|&index| Some(index) != whole)),
        }
    }

    fn leaf_of(&self, signs: &ActivationPattern) -> usize {
        let mut at = 0;
        while let Node::Cut { plane, sides } = self.nodes[at] {
            at = sides[usize::from(signs.is_active(plane))];
        }
        at
    }
}
