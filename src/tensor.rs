//! Shapes, element types and arrays in host memory, shared by all modules.

use std::fmt;

/// Extents of an array, outermost first; row-major, the last one contiguous.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// Builds a shape from its extents, outermost first; none for a scalar.
    pub fn new(extents: impl Into<Vec<usize>>) -> Self {
        Self(extents.into())
    }

    /// Returns the extents, outermost first.
    pub fn extents(&self) -> &[usize] {
        &self.0
    }

    /// Returns the number of dimensions; 0 for a scalar.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Count of elements; 1 for a scalar (rank 0).
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// Returns rows and columns: all extents but the last folded into rows, the last as columns.
    pub fn rows_and_columns(&self) -> (usize, usize) {
        let columns = self.0.last().copied().unwrap_or(1);
        (self.elements().checked_div(columns).unwrap_or(0), columns)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("scalar");
        }
        for (i, extent) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("x")?;
            }
            write!(f, "{extent}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Storage format of an array's elements on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DType {
    /// 32-bit floats, one to a word.
    F32,
    /// 16-bit floats, two to a word.
    F16,
    /// Bytes, four to a 32-bit word, each row padded to whole words.
    PackedU8,
}

impl DType {
    /// Bytes that an array of this shape takes on a device.
    pub fn bytes(self, shape: &Shape) -> usize {
        match self {
            Self::F32 => shape.elements() * 4,
            Self::F16 => shape.elements().div_ceil(2) * 4,
            Self::PackedU8 => {
                let (rows, columns) = shape.rows_and_columns();
                rows * columns.next_multiple_of(4)
            }
        }
    }
}

/// An f32 array in host memory, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Extents, outermost first.
    pub shape: Shape,
    /// Elements in row-major order, as many as the product of the extents.
    pub data: Vec<f32>,
}

impl HostTensor {
    /// Builds a tensor of this shape from its elements in row-major order.
    ///
    /// # Panics
    /// If `data` has not `shape.elements()` values: the caller's mistake, never an input's.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Self {
        let shape = Shape::new(shape);
        assert_eq!(shape.elements(), data.len(), "a tensor's data must fill its shape {shape}");
        Self { shape, data }
    }

    /// Row `index` of the array seen as rows and columns.
    pub fn row(&self, index: usize) -> &[f32] {
        let (_, columns) = self.shape.rows_and_columns();
        &self.data[index * columns..(index + 1) * columns]
    }

    /// Returns the number of rows: the product of all extents but the last.
    pub fn rows(&self) -> usize {
        self.shape.rows_and_columns().0
    }

    /// Returns the number of columns: the last extent, or 1 for a scalar.
    pub fn columns(&self) -> usize {
        self.shape.rows_and_columns().1
    }
}
