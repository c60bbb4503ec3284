//! The variants in which devices run matrix products: dense layers' and those that convolutions are.

use super::shaders::shader;
use super::{Kernel, choice_key};
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Which variant of a matrix product a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GemmVariant {
    /// As was chosen for the device, else by the kind of adapter: direct on software, through workgroup memory on
    /// hardware.
    #[default]
    ByAdapter,
    /// In registers alone.
    Direct,
    /// In registers alone, twice as many columns an invocation.
    Wide,
    /// Through workgroup memory, tiles of 64 by 64.
    Tiled,
    /// Through workgroup memory, tiles of 32 by 32: more workgroups where results are small.
    Small,
    /// Through workgroup memory, tiles of 128 by 128 of which an invocation makes 8 by 8: fewer loads where results are
    /// large.
    Large,
    /// Through workgroup memory, tiles of 128 by 32: where results have few columns. Of weights' gradients, with few
    /// rows, 32 by 128.
    Skinny,
    /// Of convolutions with one to three values a pixel on one side: a value at a time.
    Few,
}

/// Tiles of 64 by 64 below which a GPU of many processors would be left with too few workgroups.
const TILES_FOR_TILED: usize = 128;

/// Tiles of 64 by 64 from which four times fewer are still enough.
const TILES_FOR_LARGE: usize = 4 * TILES_FOR_TILED;

/// Tiles of 64 by 64 from which there are enough wide workgroups for the threads of a software adapter.
const TILES_FOR_WIDE: usize = 4;

/// Columns up to which half of a tile of 64 would be left empty.
const MOST_FOR_SKINNY: usize = 32;

impl GemmVariant {
    /// Those that a device may choose among, by the names that specs record.
    const NAMED: [(Self, &'static str); 7] = [
        (Self::Direct, "direct"),
        (Self::Wide, "wide"),
        (Self::Tiled, "tiled"),
        (Self::Small, "small"),
        (Self::Large, "large"),
        (Self::Skinny, "skinny"),
        (Self::Few, "few"),
    ];

    /// Whether specs may name it.
    pub fn is_name(name: &str) -> bool {
        Self::NAMED.iter().any(|(_, known)| *known == name)
    }

    pub(super) fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(variant, _)| *variant == self).map_or("", |(_, name)| name)
    }

    /// The variant that `kernel` runs in on `target`.
    pub(super) fn resolve(self, target: &GpuTarget, kernel: &dyn Kernel) -> Self {
        if self != Self::ByAdapter {
            return self;
        }
        let mut variants = kernel.variants(target);
        variants.retain(|variant| !target.is_wrong(kernel.name(), variant));
        let chosen = target.choice(|| choice_key(kernel)).filter(|chosen| variants.contains(chosen));
        let name = chosen.or(variants.first().copied()).unwrap_or_default();
        Self::NAMED.iter().find(|(_, known)| *known == name).map_or(Self::Direct, |(variant, _)| *variant)
    }

    /// The tile of a workgroup, of the variants that go through workgroup memory.
    pub(super) fn tile(self) -> Option<Tile> {
        match self {
            Self::Tiled => Some(Tile { rows: 64, columns: 64, slice: 16, blocks: 1 }),
            Self::Small => Some(Tile { rows: 32, columns: 32, slice: 16, blocks: 1 }),
            Self::Large => Some(Tile { rows: 128, columns: 128, slice: 8, blocks: 2 }),
            Self::Skinny => Some(Tile { rows: 128, columns: 32, slice: 8, blocks: 1 }),
            Self::ByAdapter | Self::Direct | Self::Wide | Self::Few => None,
        }
    }

    /// The variants of a dense layer's product, the usual first, given the tiles of 64 by 64 that its result has.
    pub(super) fn dense_variants(target: &GpuTarget, tiles: usize) -> Vec<&'static str> {
        names(match target.tiled {
            false if tiles >= TILES_FOR_WIDE => &[Self::Wide, Self::Direct],
            false => &[Self::Direct, Self::Wide],
            true if tiles >= TILES_FOR_LARGE => &[Self::Large, Self::Tiled],
            true if tiles >= TILES_FOR_TILED => &[Self::Tiled, Self::Small, Self::Large],
            true => &[Self::Small, Self::Tiled],
        })
    }

    /// The variants of a convolution's product, the usual first, given the shorter side of its result that may leave
    /// tiles empty. `few`: whether one side has few values a pixel.
    pub(super) fn conv_variants(target: &GpuTarget, shorter: usize, few: bool) -> Vec<&'static str> {
        let mut variants = names(match target.tiled {
            false => &[],
            true if shorter <= MOST_FOR_SKINNY => &[Self::Skinny, Self::Tiled],
            true if shorter > 64 => &[Self::Tiled, Self::Large],
            true => &[Self::Tiled],
        });
        variants.extend(few.then_some(Self::Few.name()));
        variants.push(Self::Direct.name());
        variants
    }
}

fn names(variants: &[GemmVariant]) -> Vec<&'static str> {
    variants.iter().map(|variant| variant.name()).collect()
}

/// Of a matrix product that goes through workgroup memory, as `shaders/lib/matmul/tile_shared.wgsl` has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub rows: usize,
    pub columns: usize,
    /// Of the inner dimension, what is in workgroup memory at once.
    pub slice: usize,
    /// Along each axis, blocks of 4 by 4 that an invocation makes.
    blocks: usize,
}

impl Tile {
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, ..self }
    }

    pub fn shader(self, file: &'static str) -> ShaderRequest {
        shader(file)
            .constant("TILE_ROWS", format!("{}u", self.rows))
            .constant("TILE_COLUMNS", format!("{}u", self.columns))
            .constant("TILE_K", format!("{}u", self.slice))
            .constant("BLOCKS", format!("{}u", self.blocks))
    }

    /// Workgroups for a result of `rows` by `columns`.
    pub fn groups(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * columns.div_ceil(self.columns)
    }

    /// Loops of an invocation over `inner`: those that bring a slice in, and those that multiply it.
    pub fn iterations(self, inner: usize) -> usize {
        let threads = self.rows * self.columns / (4 * self.blocks).pow(2);
        let loads = |lines: usize| (lines * self.slice / 4).div_ceil(threads);
        inner.div_ceil(self.slice) * (1 + loads(self.rows) + loads(self.columns) + self.slice)
    }
}
