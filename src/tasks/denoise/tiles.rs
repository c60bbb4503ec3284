//! A picture cut in overlapping tiles of one size. Where two overlap, the weight of one falls along a line as that of
//! the other rises, and what lies next to a tile's edge, where the network sees less than it should, is not used at
//! all.

/// Pixels that neighbors share. Seven sixteenths at either end are not used, as far as the shipped network sees; what
/// lies between is blended.
pub(super) const OVERLAP: usize = 64;

/// Of what a tile shares with a neighbor, the pixels next to its edge that are not used.
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
    /// Tiles of at most `most` pixels, or of exactly that where `exact`; both are multiples of `multiple`.
    fn new(length: usize, most: usize, multiple: usize, exact: bool) -> Self {
        let overlap = OVERLAP.min(most / 2);
        let total = length + 2 * margin(overlap);
        let count = if total <= most { 1 } else { (total - overlap).div_ceil(most - overlap) };
        // As small as so many tiles can be: the last one need not look far beyond the edge.
        let least = (total + (count - 1) * overlap).div_ceil(count).next_multiple_of(multiple);
        Self { length, tile: if exact { most } else { least.min(most) }, overlap, count }
    }

    /// Where a tile starts: before the picture for the first.
    fn start(&self, index: usize) -> isize {
        (index * (self.tile - self.overlap)) as isize - margin(self.overlap) as isize
    }

    /// How much of the result at `place` of a tile is its own.
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

    /// The pixels that a tile looks at, those beyond an edge reflected in it.
    fn sources(&self, index: usize) -> Vec<usize> {
        let start = self.start(index);
        (0..self.tile).map(|place| reflected(start + place as isize, self.length)).collect()
    }

    /// (place in the tile, pixel, weight) of what a tile adds to.
    fn shares(&self, index: usize) -> Vec<(usize, usize, f32)> {
        let start = self.start(index);
        (0..self.tile)
            .filter_map(|place| Some((place, usize::try_from(start + place as isize).ok()?, self.weight(index, place))))
            .filter(|&(_, pixel, weight)| pixel < self.length && weight > 0.0)
            .collect()
    }
}

/// The index inside `0..length` that `index` is reflected to, the pixels at the edges not repeated.
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

    /// `[height, width]` of every tile.
    pub fn tile(&self) -> [usize; 2] {
        [self.axes[0].tile, self.axes[1].tile]
    }

    pub fn count(&self) -> usize {
        self.axes[0].count * self.axes[1].count
    }

    /// Adds to `out` what the network is to see of tile `index` of `values` `[height, width, channels]`.
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

    /// Adds `tile`, the network's answer for tile `index`, to its place in `out`; weights of all tiles sum to one.
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
