//! Self-ensemble over the eight symmetries of an image (Timofte et al. 2016). The output of a network trained on too
//! few images depends on their orientation; the mean over all symmetries is nearer to the clean image.

/// Number of symmetries of an image: turned and mirrored.
pub(super) const ALL: usize = 8;

/// One of the [`ALL`] symmetries: the first is the image as it is, the later half have height and width exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symmetry(pub usize);

impl Symmetry {
    fn transposes(self) -> bool {
        self.0 & 4 != 0
    }

    /// Returns the `[height, width]` of an image of `size` under the symmetry.
    pub fn size(self, size: [usize; 2]) -> [usize; 2] {
        if self.transposes() { [size[1], size[0]] } else { size }
    }

    /// Returns the index of the pixel of an image of `size` that the symmetry moves to `(row, column)`.
    fn source(self, size: [usize; 2], row: usize, column: usize) -> usize {
        let (row, column) = if self.transposes() { (column, row) } else { (row, column) };
        let row = if self.0 & 1 != 0 { size[0] - 1 - row } else { row };
        let column = if self.0 & 2 != 0 { size[1] - 1 - column } else { column };
        row * size[1] + column
    }

    /// Returns `values` `[height, width, channels]` under the symmetry.
    pub fn apply(self, values: &[f32], size: [usize; 2], channels: usize) -> Vec<f32> {
        let [height, width] = self.size(size);
        let mut seen = Vec::with_capacity(values.len());
        for row in 0..height {
            for column in 0..width {
                let start = self.source(size, row, column) * channels;
                seen.extend_from_slice(&values[start..start + channels]);
            }
        }
        seen
    }

    /// Adds `share` of `seen`, moved back, to `out` `[height, width, channels]`.
    pub fn add_back(self, seen: &[f32], share: f32, size: [usize; 2], channels: usize, out: &mut [f32]) {
        let [height, width] = self.size(size);
        let mut seen = seen.chunks_exact(channels);
        for row in 0..height {
            for column in 0..width {
                let start = self.source(size, row, column) * channels;
                let Some(pixel) = seen.next() else { return };
                out[start..start + channels].iter_mut().zip(pixel).for_each(|(out, value)| *out += share * value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Symmetry};

    #[test]
    fn each_view_is_another_and_comes_back() {
        let (size, channels) = ([2, 3], 2);
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let mut all = Vec::new();
        for view in (0..ALL).map(Symmetry) {
            let seen = view.apply(&values, size, channels);
            let mut back = vec![0.0; values.len()];
            view.add_back(&seen, 1.0, size, channels, &mut back);
            assert_eq!(back, values);
            all.push((view.size(size), seen.iter().map(|value| *value as u32).collect::<Vec<_>>()));
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), ALL);
    }
}
