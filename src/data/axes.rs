//! Meaning of an array's dimensions: which of them counts pictures, and which are lines, columns and channels.

/// Dimension of an array of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AxisKind {
    /// Pictures, times, depths: each a picture of its own.
    Rows,
    Channels,
    Lines,
    Columns,
}

/// Least side, in pixels, of what is taken for a picture unasked.
const LEAST_SIDE: usize = 8;
/// Largest ratio of the sides of what is taken for a single picture unasked: beyond it it is a list of short series.
const LONGEST: usize = 4;

/// Places of the values of pictures in an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PictureAxes {
    /// Number of pictures.
    pub pictures: usize,
    /// Height and width of each.
    pub size: [usize; 2],
    pub channels: usize,
    /// Places that a line, a column and a channel are apart.
    steps: [usize; 3],
    /// Extents and steps of the other dimensions, the first one slowest.
    others: Vec<(usize, usize)>,
}

impl PictureAxes {
    /// Reads the meaning of `shape` from `axes`, a letter for each dimension: N, T or Z for pictures, C for channels, Y
    /// for lines and X for columns. `None` where it names no lines and columns: plain rows of values.
    ///
    /// # Errors
    /// The problem in words.
    pub fn new(shape: &[usize], axes: &str) -> Result<Option<Self>, String> {
        let letters = parsed(axes)?;
        if letters.len() != shape.len() {
            return Err(format!("{axes:?} names {} dimensions and the array has {}", letters.len(), shape.len()));
        }
        let mut steps: Vec<usize> = vec![1; shape.len()];
        for at in (0..shape.len().saturating_sub(1)).rev() {
            steps[at] = steps[at + 1] * shape[at + 1];
        }
        let place = |wanted: AxisKind| letters.iter().position(|&axis| axis == wanted);
        let (Some(lines), Some(columns)) = (place(AxisKind::Lines), place(AxisKind::Columns)) else { return Ok(None) };
        let channels = place(AxisKind::Channels);
        let others: Vec<(usize, usize)> = letters
            .iter()
            .zip(shape.iter().zip(&steps))
            .filter(|(axis, _)| **axis == AxisKind::Rows)
            .map(|(_, (&extent, &step))| (extent, step))
            .collect();
        Ok(Some(Self {
            pictures: others.iter().map(|(extent, _)| extent).product(),
            size: [shape[lines], shape[columns]],
            channels: channels.map_or(1, |at| shape[at]),
            steps: [steps[lines], steps[columns], channels.map_or(0, |at| steps[at])],
            others,
        }))
    }

    /// Returns the places in the array of the values of `picture`, `[height, width, channels]`.
    pub fn places(&self, picture: usize) -> impl Iterator<Item = usize> + use<> {
        let (mut rest, mut start) = (picture, 0);
        for &(extent, step) in self.others.iter().rev() {
            start += rest % extent.max(1) * step;
            rest /= extent.max(1);
        }
        let ([lines, columns, channels], [height, width], depth) = (self.steps, self.size, self.channels);
        (0..height).flat_map(move |y| {
            (0..width).flat_map(move |x| (0..depth).map(move |c| start + y * lines + x * columns + c * channels))
        })
    }
}

fn parsed(axes: &str) -> Result<Vec<AxisKind>, String> {
    let mut letters = Vec::new();
    for letter in axes.chars() {
        let axis = match letter.to_ascii_uppercase() {
            'N' | 'T' | 'Z' => AxisKind::Rows,
            'C' => AxisKind::Channels,
            'Y' => AxisKind::Lines,
            'X' => AxisKind::Columns,
            _ => return Err(format!("it is {axes:?}, use N or T (pictures), Y (lines), X (columns) and C (channels)")),
        };
        if axis != AxisKind::Rows && letters.contains(&axis) {
            return Err(format!("it is {axes:?}, name Y, X and C once at most"));
        }
        letters.push(axis);
    }
    let [lines, columns] = [AxisKind::Lines, AxisKind::Columns].map(|axis| letters.contains(&axis));
    if letters.is_empty() || lines != columns {
        return Err(format!("it is {axes:?}, name both Y (lines) and X (columns), such as TYX, CYX, YXC or NYX"));
    }
    Ok(letters)
}

/// Checks the letters of `data.axes`.
pub(super) fn check_axes(axes: &str) -> Result<(), String> {
    parsed(axes).map(|_| ())
}

/// Returns the usual meaning of `shape` where it is a picture or a stack of them; `None` for other shapes.
pub(crate) fn axes_of_pictures(shape: &[usize]) -> Option<&'static str> {
    let channels = |extent: usize| matches!(extent, 1 | 3 | 4);
    Some(match *shape {
        [_, _] => "YX",
        [_, _, last] if channels(last) => "YXC",
        [first, height, width] if channels(first) && height.min(width) >= LEAST_SIDE => "CYX",
        [first, height, last] if last < first && last < height => "YXC",
        [_, _, _] => "TYX",
        [_, _, _, last] if channels(last) => "TYXC",
        [_, second, _, _] if channels(second) => "TCYX",
        [_, _, _, _] => "TZYX",
        _ => return None,
    })
}

/// Returns the meaning of `shape` where an array to be trained on is not, as usual, a row for each of its first
/// dimension: a single picture in color.
pub(super) fn axes_of_rows(shape: &[usize]) -> Option<&'static str> {
    let picture = |height: usize, width: usize| {
        let (least, most) = (height.min(width), height.max(width));
        least >= 2 * LEAST_SIDE && most <= LONGEST * least
    };
    match *shape {
        [height, width, 3 | 4] if picture(height, width) => Some("YXC"),
        [3 | 4, height, width] if picture(height, width) => Some("CYX"),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test may fail loudly")]
mod tests {
    use super::{PictureAxes, axes_of_pictures, axes_of_rows};

    #[test]
    fn places_follow_the_letters() {
        let of = |shape: &[usize], axes: &str| PictureAxes::new(shape, axes).expect("right").expect("pictures");
        let stack = of(&[2, 2, 3], "TYX");
        assert_eq!((stack.pictures, stack.size, stack.channels), (2, [2, 3], 1));
        assert_eq!(stack.places(1).collect::<Vec<_>>(), [6, 7, 8, 9, 10, 11]);
        let planes = of(&[3, 1, 2], "CYX");
        assert_eq!(planes.places(0).collect::<Vec<_>>(), [0, 2, 4, 1, 3, 5]);
        let both = of(&[2, 3, 1, 2], "TZYX");
        assert_eq!(both.pictures, 6);
        assert_eq!(both.places(4).collect::<Vec<_>>(), [8, 9]);
        let turned = of(&[2, 3], "XY");
        assert_eq!(turned.places(0).collect::<Vec<_>>(), [0, 3, 1, 4, 2, 5]);
        assert!(PictureAxes::new(&[5, 4], "NC").expect("right").is_none(), "rows of values");
        for wrong in ["", "YXY", "TQX", "TX"] {
            assert!(PictureAxes::new(&[2, 2, 3], wrong).is_err(), "{wrong}");
        }
        assert!(PictureAxes::new(&[2, 2], "TYX").is_err());
    }

    #[test]
    fn shapes_have_a_usual_meaning() {
        assert_eq!(axes_of_pictures(&[96, 128, 3]), Some("YXC"));
        assert_eq!(axes_of_pictures(&[3, 96, 128]), Some("CYX"));
        assert_eq!(axes_of_pictures(&[40, 96, 128]), Some("TYX"));
        assert_eq!(axes_of_pictures(&[96, 128, 16]), Some("YXC"));
        assert_eq!(axes_of_pictures(&[7, 96, 128, 3]), Some("TYXC"));
        // Accelerometers give three values a step: rows, not pictures.
        assert_eq!(axes_of_rows(&[1000, 128, 3]), None);
        assert_eq!(axes_of_rows(&[64, 64, 3]), Some("YXC"));
        assert_eq!(axes_of_rows(&[3, 96, 128]), Some("CYX"));
        assert_eq!(axes_of_rows(&[40, 96, 128]), None);
    }
}
