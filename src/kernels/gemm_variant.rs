//! Variants in which devices run the matrix products of dense layers and convolutions.

use super::shaders::shader;
use super::{Kernel, choice_key};
use crate::device::gpu::{GpuTarget, ShaderRequest};

/// Variant of a matrix product that a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GemmVariant {
    /// Choice for the device, else by the kind of adapter: direct on software, through workgroup memory on hardware.
    #[default]
    ByAdapter,
    /// Product in registers alone.
    Direct,
    /// Product in registers alone, with twice as many columns per invocation.
    Wide,
    /// Product through workgroup memory, with tiles of 64 by 64.
    Tiled,
    /// Product through workgroup memory, with tiles of 32 by 32: more workgroups where results are small.
    Small,
    /// Product through workgroup memory, with tiles of 128 by 128 of which an invocation makes 8 by 8: fewer loads
    /// where results are large.
    Large,
    /// Product through workgroup memory, with tiles of 128 by 32: for results with few columns. For weight gradients,
    /// with few rows, 32 by 128.
    Skinny,
    /// Convolution with one to three values per pixel on one side: a value at a time.
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
    /// Variants that a device may choose among, by the names that specs record.
    const NAMED: [(Self, &'static str); 7] = [
        (Self::Direct, "direct"),
        (Self::Wide, "wide"),
        (Self::Tiled, "tiled"),
        (Self::Small, "small"),
        (Self::Large, "large"),
        (Self::Skinny, "skinny"),
        (Self::Few, "few"),
    ];

    /// Returns whether `name` is that of a variant in specs.
    pub fn is_name(name: &str) -> bool {
        Self::NAMED.iter().any(|(_, known)| *known == name)
    }

    pub(super) fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(variant, _)| *variant == self).map_or("", |(_, name)| name)
    }

    /// Returns the variant that `kernel` runs in on `target`.
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

    /// Returns the tile of a workgroup; `None` for variants without workgroup memory.
    pub(super) fn tile(self) -> Option<Tile> {
        match self {
            Self::Tiled => Some(Tile { rows: 64, columns: 64, slice: 16, blocks: 1 }),
            Self::Small => Some(Tile { rows: 32, columns: 32, slice: 16, blocks: 1 }),
            Self::Large => Some(Tile { rows: 128, columns: 128, slice: 8, blocks: 2 }),
            Self::Skinny => Some(Tile { rows: 128, columns: 32, slice: 8, blocks: 1 }),
            Self::ByAdapter | Self::Direct | Self::Wide | Self::Few => None,
        }
    }

    /// Returns the variants of a dense layer's product, the default first, given the tiles of 64 by 64 in its result.
    pub(super) fn dense_variants(target: &GpuTarget, tiles: usize) -> Vec<&'static str> {
        names(match target.tiled {
            false if tiles >= TILES_FOR_WIDE => &[Self::Wide, Self::Direct],
            false => &[Self::Direct, Self::Wide],
            true if tiles >= TILES_FOR_LARGE => &[Self::Large, Self::Tiled],
            true if tiles >= TILES_FOR_TILED => &[Self::Tiled, Self::Small, Self::Large],
            true => &[Self::Small, Self::Tiled],
        })
    }

    /// Returns the variants of a convolution's product, the default first, given the shorter side of its result that
    /// may leave tiles empty. `few`: true if one side has few values per pixel.
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

/// Tile of a matrix product through workgroup memory, as in `shaders/lib/matmul/tile_shared.wgsl`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub rows: usize,
    pub columns: usize,
    /// Part of the inner dimension that is in workgroup memory at once.
    pub slice: usize,
    /// Blocks of 4 by 4 that an invocation makes, along each axis.
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

    /// Loop iterations of an invocation over `inner`: those that load a slice, and those that multiply it.
    pub fn iterations(self, inner: usize) -> usize {
        let threads = self.rows * self.columns / (4 * self.blocks).pow(2);
        let loads = |lines: usize| (lines * self.slice / 4).div_ceil(threads);
        inner.div_ceil(self.slice) * (1 + loads(self.rows) + loads(self.columns) + self.slice)
    }
}
