//! Overlapping tiles of one size that cover an image. Where two overlap, the weight of one falls along a line as that
//! of the other rises; the pixels next to a tile's edge, where the network sees less than it should, are not used at
//! all.

/// Pixels that neighboring tiles share. Seven sixteenths at either end are not used, as far as the shipped network
/// sees; the pixels between are blended.
pub(super) const OVERLAP: usize = 64;

/// Returns the number of unused pixels next to a tile's edge, of the `overlap` that it shares with a neighbor.
fn margin(overlap: usize) -> usize {
    // Even, as the phase of networks that work at half the size asks.
    overlap * 7 / 32 * 2
}

/// Tiles along one axis.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    length: usize,
    tile: usize,
    overlap: usize,
    count: usize,
}

impl Axis {
    /// Builds tiles of at most `most` pixels, or of exactly that where `exact`; both are multiples of `multiple`.
    fn new(length: usize, most: usize, multiple: usize, exact: bool) -> Self {
        let overlap = OVERLAP.min(most / 2);
        let total = length + 2 * margin(overlap);
        let count = if total <= most { 1 } else { (total - overlap).div_ceil(most - overlap) };
        // As small as so many tiles can be: the last one need not look far beyond the edge.
        let least = (total + (count - 1) * overlap).div_ceil(count).next_multiple_of(multiple);
        Self { length, tile: if exact { most } else { least.min(most) }, overlap, count }
    }

    /// Returns the first pixel of a tile: before the image for the first tile.
    fn start(&self, index: usize) -> isize {
        (index * (self.tile - self.overlap)) as isize - margin(self.overlap) as isize
    }

    /// Returns the weight of a tile's output at `place`.
    fn weight(&self, index: usize, place: usize) -> f32 {
        let margin = margin(self.overlap);
        let ramp = self.overlap - 2 * margin;
        let from_edge = |place: usize| {
            let inside = (place as f32 - margin as f32 + 0.5) / ramp.max(1) as f32;
            if place < margin { 0.0 } else { inside.min(1.0) }
        };
        let rising = if index == 0 { 1.0 } else { from_edge(place) };
        let falling = if index + 1 == self.count { 1.0 } else { from_edge(self.tile - 1 - place) };
        rising.min(falling)
    }

    /// Returns the pixels that a tile covers, those beyond an edge reflected in it.
    fn sources(&self, index: usize) -> Vec<usize> {
        let start = self.start(index);
        (0..self.tile).map(|place| reflected(start + place as isize, self.length)).collect()
    }

    /// Returns (place in the tile, pixel, weight) of each pixel that a tile contributes to.
    fn shares(&self, index: usize) -> Vec<(usize, usize, f32)> {
        let start = self.start(index);
        (0..self.tile)
            .filter_map(|place| Some((place, usize::try_from(start + place as isize).ok()?, self.weight(index, place))))
            .filter(|&(_, pixel, weight)| pixel < self.length && weight > 0.0)
            .collect()
    }
}

/// Returns the index inside `0..length` that `index` is reflected to, the pixels at the edges not repeated.
fn reflected(index: isize, length: usize) -> usize {
    let period = (2 * length.saturating_sub(1)).max(1) as isize;
    let place = index.rem_euclid(period) as usize;
    if place < length { place } else { period as usize - place }
}

/// Tiles of a picture `[height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tiling {
    axes: [Axis; 2],
}

impl Tiling {
    pub fn new(size: [usize; 2], most: [usize; 2], multiple: usize, exact: bool) -> Self {
        Self { axes: [0, 1].map(|axis| Axis::new(size[axis], most[axis], multiple, exact)) }
    }

    /// Returns the `[height, width]` of every tile.
    pub fn tile(&self) -> [usize; 2] {
        [self.axes[0].tile, self.axes[1].tile]
    }

    pub fn count(&self) -> usize {
        self.axes[0].count * self.axes[1].count
    }

    /// Appends to `out` the input of the network for tile `index` of `values` `[height, width, channels]`.
    pub fn cut(&self, index: usize, values: &[f32], channels: usize, out: &mut Vec<f32>) {
        let [down, across] = &self.axes;
        let columns = across.sources(index % across.count);
        for line in down.sources(index / across.count) {
            for &column in &columns {
                let start = (line * across.length + column) * channels;
                out.extend_from_slice(&values[start..start + channels]);
            }
        }
    }

    /// Adds `tile`, the network's output for tile `index`, to its place in `out`; weights of all tiles sum to one.
    pub fn blend(&self, index: usize, tile: &[f32], channels: usize, out: &mut [f32]) {
        let [down, across] = &self.axes;
        let columns = across.shares(index % across.count);
        for (line, row, weight) in down.shares(index / across.count) {
            for &(place, column, share) in &columns {
                let from = (line * across.tile + place) * channels;
                let to = (row * across.length + column) * channels;
                let out = &mut out[to..to + channels];
                out.iter_mut()
                    .zip(&tile[from..from + channels])
                    .for_each(|(out, value)| *out += weight * share * value);
            }
        }
    }
}
