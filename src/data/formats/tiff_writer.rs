//! Encoding of TIFF files, with the tags and the form of those that they come from.

use std::io::{Cursor, Seek, Write};
use std::marker::PhantomData;
use std::path::Path;

use tiff::TiffError;
use tiff::encoder::colortype::ColorType as Encoded;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard, TiffValue};
use tiff::tags::{CompressionMethod, ExtraSamples, PhotometricInterpretation as Photometric, SampleFormat, Tag};

use super::array::{ArrayDType, malformed};
use super::samples::{AlphaKind, Samples, StoredPicture};
use super::tiff::{PageForm, TiffPages, moved, tag_name};
use crate::data::DataError;

/// Bytes above which offsets need 64 bits, less what tags take.
const CLASSIC_BYTES: u64 = 3 << 30;

/// A file as it was encoded, and the names of what was kept and lost of the original.
pub(crate) struct EncodedTiff {
    pub bytes: Vec<u8>,
    pub kept: Vec<String>,
    pub lost: Vec<String>,
}

/// Encodes `pages` as a TIFF file. `original` is the file that they were read from, where that is a TIFF of as many
/// pages: its tags are kept, and how pixels are stored where that can be.
pub(crate) fn encode_tiff(pages: &[&StoredPicture], original: Option<&Path>) -> Result<EncodedTiff, DataError> {
    let mut source = original.map(|path| TiffPages::open(path, true)).transpose()?;
    let mut forms = Vec::new();
    if let Some(source) = &mut source {
        for page in 0..pages.len().min(source.count()) {
            forms.push(source.form(page)?);
        }
    }
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for form in &forms {
        let named = form.tags.iter().map(|(number, _)| *number);
        // What every page says of itself is not worth a word.
        for name in named.filter(|number| !matches!(number, 254 | 255)).map(tag_name) {
            add(&mut kept, name);
        }
        form.directories.iter().for_each(|(tag, _)| add(&mut kept, tag_name(tag.to_u16())));
        form.lost.iter().for_each(|name| add(&mut lost, name.clone()));
    }
    if let Some(source) = source.filter(|source| source.passed_over > 0) {
        add(&mut lost, format!("smaller copies or masks ({})", source.passed_over));
    }
    let bytes: u64 = pages.iter().map(|page| (page.samples.len() * page.samples.element().size()) as u64).sum();
    let mut made = Cursor::new(Vec::new());
    let written = match bytes > CLASSIC_BYTES {
        true => write_pages::<TiffKindBig>(&mut made, pages, &forms),
        false => write_pages::<TiffKindStandard>(&mut made, pages, &forms),
    };
    written.map_err(|error| {
        let place = original.map_or_else(|| "TIFF".to_owned(), |path| path.display().to_string());
        malformed(&place, format!("its pages cannot be written ({error}); convert it to PNG first"))
    })?;
    Ok(EncodedTiff { bytes: made.into_inner(), kept, lost })
}

fn add(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

fn write_pages<K: TiffKind>(
    made: &mut Cursor<Vec<u8>>,
    pages: &[&StoredPicture],
    forms: &[PageForm],
) -> Result<(), TiffError> {
    let compression = match forms.first().map(|form| form.compression) {
        None | Some(CompressionMethod::None) => Compression::Uncompressed,
        Some(CompressionMethod::LZW) => Compression::Lzw,
        Some(CompressionMethod::PackBits) => Compression::Packbits,
        Some(_) => Compression::Deflate(DeflateLevel::default()),
    };
    let mut encoder = TiffEncoder::<_, K>::new_generic(made)?.with_compression(compression);
    for (index, page) in pages.iter().enumerate() {
        let form = forms.get(index);
        write_page(&mut encoder, page, form)?;
    }
    Ok(())
}

fn write_page<W: Write + Seek, K: TiffKind>(
    encoder: &mut TiffEncoder<W, K>,
    page: &StoredPicture,
    form: Option<&PageForm>,
) -> Result<(), TiffError> {
    macro_rules! typed {
        ($type:ty, $values:expr, $format:ident, $inverse:expr) => {{
            let mut values: Vec<$type> = $values;
            if form.is_some_and(|form| form.white_is_zero) && page.channels == 1 {
                values.iter_mut().for_each(|value| *value = $inverse(*value));
            }
            write_typed::<_, K, $type, $format>(encoder, page, form, &values)
        }};
    }
    // Alpha goes back to the place that it had among the other channels.
    let place = form.map_or(0, |form| form.alpha_place);
    let ordered;
    let samples = match page.alpha {
        AlphaKind::Straight | AlphaKind::Premultiplied if page.extra > 0 => {
            ordered = moved(page.samples.clone(), page.channels, page.channels - 1, 3 + place);
            &ordered
        }
        _ => &page.samples,
    };
    match samples {
        Samples::Bytes(values) => typed!(u8, values.clone(), UnsignedSample, |value: u8| u8::MAX - value),
        Samples::Words(values) => typed!(u16, values.clone(), UnsignedSample, |value: u16| u16::MAX - value),
        Samples::Wide { values, element } => {
            let rounded = || values.iter().map(|value| value.round());
            match element {
                ArrayDType::Bool | ArrayDType::U8 => {
                    typed!(u8, rounded().map(|v| v as u8).collect(), UnsignedSample, |value: u8| u8::MAX - value)
                }
                ArrayDType::U16 => {
                    typed!(u16, rounded().map(|v| v as u16).collect(), UnsignedSample, |value: u16| u16::MAX - value)
                }
                ArrayDType::U32 => {
                    typed!(u32, rounded().map(|v| v as u32).collect(), UnsignedSample, |value: u32| u32::MAX - value)
                }
                ArrayDType::U64 => {
                    typed!(u64, rounded().map(|v| v as u64).collect(), UnsignedSample, |value: u64| u64::MAX - value)
                }
                // SignedSample samples are not inverted when they are read.
                ArrayDType::I8 => typed!(i8, rounded().map(|v| v as i8).collect(), SignedSample, |value: i8| value),
                ArrayDType::I16 => typed!(i16, rounded().map(|v| v as i16).collect(), SignedSample, |value: i16| value),
                ArrayDType::I32 => typed!(i32, rounded().map(|v| v as i32).collect(), SignedSample, |value: i32| value),
                ArrayDType::I64 => typed!(i64, rounded().map(|v| v as i64).collect(), SignedSample, |value: i64| value),
                ArrayDType::F16 => {
                    let bits = |value: &f32| half::f16::from_f32(*value).to_bits();
                    typed!(u16, values.iter().map(bits).collect(), FloatSample, |value: u16| value)
                }
                ArrayDType::F64 => {
                    typed!(f64, values.iter().map(|&v| page.exact(v)).collect(), FloatSample, |value: f64| 1.0 - value)
                }
                ArrayDType::F32 | ArrayDType::Bf16 => {
                    typed!(f32, values.clone(), FloatSample, |value: f32| 1.0 - value)
                }
            }
        }
    }
}

/// SampleMeaning of a sample's bits.
trait SampleMeaning {
    const FORMAT: SampleFormat;
}
struct UnsignedSample;
struct SignedSample;
struct FloatSample;
impl SampleMeaning for UnsignedSample {
    const FORMAT: SampleFormat = SampleFormat::Uint;
}
impl SampleMeaning for SignedSample {
    const FORMAT: SampleFormat = SampleFormat::Int;
}
impl SampleMeaning for FloatSample {
    const FORMAT: SampleFormat = SampleFormat::IEEEFP;
}

struct GraySamples<T, M>(PhantomData<(T, M)>);
struct RgbSamples<T, M>(PhantomData<(T, M)>);

impl<T: TiffValue + Copy, M: SampleMeaning> Encoded for GraySamples<T, M> {
    type Inner = T;
    const TIFF_VALUE: Photometric = Photometric::BlackIsZero;
    const BITS_PER_SAMPLE: &'static [u16] = &[8 * T::BYTE_LEN as u16];
    const SAMPLE_FORMAT: &'static [SampleFormat] = &[M::FORMAT];
    // No predictor is asked for.
    fn horizontal_predict(row: &[T], result: &mut Vec<T>) {
        result.extend_from_slice(row);
    }
}

impl<T: TiffValue + Copy, M: SampleMeaning> Encoded for RgbSamples<T, M> {
    type Inner = T;
    const TIFF_VALUE: Photometric = Photometric::RGB;
    const BITS_PER_SAMPLE: &'static [u16] = &[8 * T::BYTE_LEN as u16; 3];
    const SAMPLE_FORMAT: &'static [SampleFormat] = &[M::FORMAT; 3];
    fn horizontal_predict(row: &[T], result: &mut Vec<T>) {
        result.extend_from_slice(row);
    }
}

fn write_typed<W: Write + Seek, K: TiffKind, T: TiffValue + Copy, M: SampleMeaning>(
    encoder: &mut TiffEncoder<W, K>,
    page: &StoredPicture,
    form: Option<&PageForm>,
    values: &[T],
) -> Result<(), TiffError>
where
    [T]: TiffValue,
{
    let mut pointers = Vec::new();
    for (tag, values) in form.iter().flat_map(|form| &form.directories) {
        let mut directory = encoder.extra_directory()?;
        for (number, value) in values {
            directory.write_tag_buf(Tag::from_u16_exhaustive(*number), value)?;
        }
        pointers.push((*tag, directory.finish_with_offsets()?.pointer.0));
    }
    if page.colors() - page.extra == 3 && !form.is_some_and(|form| form.is_gray) {
        write_colored::<W, K, RgbSamples<T, M>>(encoder, page, form, &pointers, values, 3)
    } else {
        write_colored::<W, K, GraySamples<T, M>>(encoder, page, form, &pointers, values, 1)
    }
}

fn write_colored<W: Write + Seek, K: TiffKind, C: Encoded>(
    encoder: &mut TiffEncoder<W, K>,
    page: &StoredPicture,
    form: Option<&PageForm>,
    pointers: &[(Tag, u64)],
    values: &[C::Inner],
    colors: usize,
) -> Result<(), TiffError>
where
    [C::Inner]: TiffValue,
{
    let [height, width] = page.size.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    let mut image = encoder.new_image::<C>(width, height)?;
    let extra = page.channels.saturating_sub(colors);
    if extra > 0 {
        let mut kinds = vec![ExtraSamples::Unspecified; extra];
        if let Some(kind) = kinds.get_mut(form.map_or(0, |form| form.alpha_place)) {
            match page.alpha {
                AlphaKind::None => {}
                AlphaKind::Straight => *kind = ExtraSamples::UnassociatedAlpha,
                AlphaKind::Premultiplied => *kind = ExtraSamples::AssociatedAlpha,
            }
        }
        image.extra_samples(&kinds)?;
    }
    if form.is_some_and(|form| form.white_is_zero) && page.channels == 1 {
        image.encoder().write_tag(Tag::PhotometricInterpretation, Photometric::WhiteIsZero.to_u16())?;
    }
    for (number, value) in form.iter().flat_map(|form| &form.tags) {
        image.encoder().write_tag_buf(Tag::from_u16_exhaustive(*number), value)?;
    }
    for &(tag, pointer) in pointers {
        image.encoder().write_tag(tag, u32::try_from(pointer)?)?;
    }
    image.write_data(values)
}
