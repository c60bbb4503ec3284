//! Folders of pictures: decoded alike from every format, fitted, cut in patches, refused where they are damaged.

use hourglass::data::{DataSet, DataSpec, FIXED, Fit, PageChoice, Part, SourceKind, SplitKind};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::{file, open, refused, save_image, spec_of};

/// Largest error of a lossy format.
const LOSSY: f32 = 12.0 / 255.0;

/// Returns a picture whose left half is red and whose right half is blue.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) })
}

/// Returns the row of the source with this name.
fn row_called(data: &DataSet, name: &str) -> Vec<f32> {
    let row = (0..data.rows).find(|&row| data.row_name(row) == name).unwrap_or_else(|| panic!("{name} is there"));
    data.rows_f32(row..row + 1).expect("a row")
}

#[test]
fn image_formats_decode_to_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = DynamicImage::ImageRgb8(halves(40, 20));
    let formats = [
        ("a.png", ImageFormat::Png),
        ("b.jpg", ImageFormat::Jpeg),
        ("c.webp", ImageFormat::WebP),
        ("d.tiff", ImageFormat::Tiff),
        ("e.bmp", ImageFormat::Bmp),
        ("f.gif", ImageFormat::Gif),
        ("g.ppm", ImageFormat::Pnm),
    ];
    for (name, format) in formats {
        save_image(&picture, &folder.path().join(name), format);
    }
    // Deeper, with an alpha channel that hides nothing, and four times as large.
    save_image(&DynamicImage::ImageRgb16(picture.to_rgb16()), &folder.path().join("h.png"), ImageFormat::Png);
    save_image(&DynamicImage::ImageRgba8(picture.to_rgba8()), &folder.path().join("i.png"), ImageFormat::Png);
    save_image(&DynamicImage::ImageRgb8(halves(160, 80)), &folder.path().join("j.png"), ImageFormat::Png);
    file(folder.path(), "notes.json", "{}");
    let options = DataSpec { size: Some([10, 20]), fit: Some(Fit::Crop), ..spec_of(folder.path()) };
    let data = open(&options).expect("pictures");
    assert_eq!((data.kind, data.rows, data.features), (SourceKind::Images, 10, 600));
    for name in formats.map(|(name, _)| name).into_iter().chain(["h.png", "i.png", "j.png"]) {
        let row = row_called(&data, name);
        // Away from the edge between the halves, where resizing mixes.
        for (at, wanted) in [(0, [200.0, 0.0, 0.0]), (3 * (20 * 9 + 18), [0.0, 0.0, 200.0])] {
            for (value, wanted) in row[at..at + 3].iter().zip(wanted) {
                assert!((value - wanted / 255.0).abs() <= LOSSY, "{name}: {value} for {wanted}");
            }
        }
    }
}

/// Returns `jpeg` with an APP1 segment that holds an orientation tag (Exif 2.32, TIFF tag 0x0112).
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(&exif);
    turned.extend(&jpeg[2..]);
    turned
}

#[test]
fn exif_orientation_is_applied() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut jpeg = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(halves(32, 16)).write_to(&mut jpeg, ImageFormat::Jpeg).expect("a JPEG");
    for i in 0..10 {
        // 6: turned clockwise by a quarter, so that the left edge as stored is the top edge as seen.
        file(folder.path(), &format!("{i}.jpg"), with_orientation(jpeg.get_ref(), 6));
    }
    let data = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(folder.path()) }).expect("photographs");
    let image = data.image.expect("pictures");
    assert_eq!((image.height, image.width), (32, 16));
    let row = data.rows_f32(0..1).expect("a row");
    let (top, bottom) = (&row[..3], &row[3 * (16 * 31)..3 * (16 * 31) + 3]);
    assert!(top[0] > 0.6 && top[2] < 0.2 && bottom[0] < 0.2 && bottom[2] > 0.6, "{top:?} {bottom:?}");
}

#[test]
fn images_are_cropped_padded_or_stretched_to_the_size() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..10 {
        save_image(&DynamicImage::ImageRgb8(halves(64, 32)), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let corner = |fit| {
        let options = DataSpec { size: Some([16, 16]), fit: Some(fit), ..spec_of(folder.path()) };
        let row = open(&options).expect("pictures").rows_f32(0..1).expect("a row");
        [row[0], row[3 * (16 * 8)], row[3 * (16 * 8 + 15) + 2]]
    };
    let red = 200.0 / 255.0;
    for (fit, wanted) in [(Fit::Crop, [red, red, red]), (Fit::Pad, [0.0, red, red]), (Fit::Stretch, [red, red, red])] {
        for (value, wanted) in corner(fit).iter().zip(wanted) {
            assert!((value - wanted).abs() <= LOSSY, "{fit:?}: {:?}", corner(fit));
        }
    }
}

#[test]
fn transparent_pixels_become_white_where_alpha_is_dropped() {
    let clear = tempfile::tempdir().expect("a folder");
    for i in 0..10 {
        let picture = RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 0]));
        save_image(&DynamicImage::ImageRgba8(picture), &clear.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let data = open(&spec_of(clear.path())).expect("pictures");
    assert!(data.rows_f32(0..1).expect("a row").iter().all(|&value| value == 1.0));
    let kept = open(&DataSpec { channels: Some(4), ..spec_of(clear.path()) }).expect("pictures");
    assert!(kept.rows_f32(0..1).expect("a row").iter().all(|&value| value == 0.0));
}

#[test]
fn sixteen_bits_are_kept_where_all_images_have_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..10_u16 {
        let picture = image::ImageBuffer::from_pixel(8, 8, image::Luma([40_001 + i]));
        save_image(&DynamicImage::ImageLuma16(picture), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let data = open(&spec_of(folder.path())).expect("pictures");
    assert_eq!(data.image.expect("pictures").channels, 1);
    let value = row_called(&data, "3.png")[0];
    assert!((value - 40_004.0 / 65_535.0).abs() < 1e-6, "{value}");
}

#[test]
fn patches_move_with_the_epoch_and_stay_in_one_part() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..5_u8 {
        // Every pixel says where it is, and whose it is.
        let picture = RgbImage::from_fn(100, 70, |x, y| Rgb([x as u8, y as u8, i * 40]));
        save_image(&DynamicImage::ImageRgb8(picture), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let options = DataSpec { size: Some([16, 24]), fit: Some(Fit::Patches), ..spec_of(folder.path()) };
    let data = open(&options).expect("pictures");
    let mut owners: Vec<Vec<u8>> = Vec::new();
    for part in [Part::Train, Part::Validation, Part::Test] {
        let rows: Vec<usize> = data.part(part).collect();
        let bytes = data.read(&rows, FIXED).expect("patches");
        let mut whose: Vec<u8> = bytes.chunks_exact(data.stride()).map(|patch| patch[2]).collect();
        for patch in bytes.chunks_exact(data.stride()) {
            for (at, pixel) in patch.chunks_exact(3).enumerate() {
                let (y, x) = (at / 24, at % 24);
                let moved = [patch[0] + x as u8, patch[1] + y as u8, patch[2]];
                assert_eq!(pixel, moved, "a patch is cut, not resized");
            }
        }
        whose.sort_unstable();
        whose.dedup();
        owners.push(whose);
    }
    let mut all = owners.concat();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((count, all.len()), (5, 5), "{owners:?}");
    let rows: Vec<usize> = data.part(Part::Train).collect();
    let of_epoch = |epoch| data.read(&rows, epoch).expect("patches");
    assert_eq!(of_epoch(3), of_epoch(3));
    assert_ne!(of_epoch(3), of_epoch(4));
    assert_eq!(of_epoch(FIXED), of_epoch(FIXED));
}

#[test]
fn folder_names_give_classes_and_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["train", "val", "test"] {
        for class in ["cat", "dog"] {
            for i in 0..4 {
                let path = folder.path().join(part).join(class).join(format!("{i}.png"));
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                save_image(&DynamicImage::ImageRgb8(halves(16, 16)), &path, ImageFormat::Png);
            }
        }
    }
    let data = open(&spec_of(folder.path())).expect("pictures");
    assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (8, 8, 8));
    assert_eq!(data.options.split, Some(SplitKind::Folders));
    assert_eq!(data.classes, ["cat", "dog"]);
    for row in 0..data.rows {
        let name = data.row_name(row);
        let part = ["train", "val", "test"][usize::from(row >= 8) + usize::from(row >= 16)];
        assert!(name.starts_with(part), "{name} in {part}");
        let class = data.labels.as_ref().expect("labels")[row];
        assert!(name.contains(data.classes[usize::from(class)].as_str()), "{name} is {class}");
    }
}

/// Returns a PNG whose header claims `side` pixels on each side, its checksum right.
fn oversized_png(side: u32) -> Vec<u8> {
    let mut small = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(halves(4, 4)).write_to(&mut small, ImageFormat::Png).expect("a PNG");
    let mut bytes = small.into_inner();
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    bytes
}

#[test]
fn hostile_images_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let mut png = std::io::Cursor::new(Vec::new());
    let noisy = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x ^ y) as u8]));
    DynamicImage::ImageRgb8(noisy.clone()).write_to(&mut png, ImageFormat::Png).expect("a PNG");
    let mut jpeg = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(noisy).write_to(&mut jpeg, ImageFormat::Jpeg).expect("a JPEG");
    let (png, jpeg) = (png.into_inner(), jpeg.into_inner());
    refused(&spec_of(&file(folder.path(), "cut/a.png", &png[..png.len() / 2])), &["a.png", "ends before"]);
    refused(&spec_of(&file(folder.path(), "header/a.jpg", &jpeg[..100])), &["a.jpg"]);
    refused(&spec_of(&file(folder.path(), "boast/a.png", oversized_png(100_000))), &["a.png", "100000x100000"]);
    refused(&spec_of(&file(folder.path(), "text/a.png", "no picture at all")), &["a.png"]);
    // One bad file among good ones is named and left out.
    for i in 0..12 {
        file(folder.path(), &format!("mixed/{i}.png"), &png);
    }
    file(folder.path(), "mixed/bad.png", &png[..200]);
    let data = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(&at("mixed")) }).expect("the others");
    assert_eq!(data.rows, 12);
    assert!(data.notes.iter().any(|note| note.contains("bad.png") && note.contains("ends before")), "{:?}", data.notes);
    // One picture cannot be a train, a validation and a test part.
    refused(
        &DataSpec { fit: Some(Fit::Crop), ..spec_of(&file(folder.path(), "one/a.png", &png)) },
        &["1 rows", "at least 10"],
    );
    refused(
        &spec_of(&file(folder.path(), "half/a.jpg", &jpeg[..jpeg.len() * 2 / 3])),
        &["a.jpg", "ends before the picture does"],
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(at("mixed"), at("mixed").join("again")).expect("a link");
        let looped = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(&at("mixed")) }).expect("the loop is left");
        assert_eq!(looped.rows, 12);
        assert!(looped.notes.iter().any(|note| note.contains("link back")), "{:?}", looped.notes);
    }
}

/// Writes a TIFF file of `pages` pictures of 12 bits.
fn stack(path: &std::path::Path, pages: u16) {
    let mut encoder =
        tiff::encoder::TiffEncoder::new(std::fs::File::create(path).expect("a file")).expect("an encoder");
    for page in 0..pages {
        let values: Vec<u16> = (0..64).map(|at| if at == 0 { 4000 } else { 100 * page + at }).collect();
        encoder.write_image::<tiff::encoder::colortype::Gray16>(8, 8, &values).expect("a page");
    }
}

#[test]
fn pages_are_rows_and_counts_have_their_white() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stack.tif");
    stack(&path, 20);
    let data = open(&spec_of(&path)).expect("pages");
    assert_eq!(data.rows, 20);
    assert!(data.notes.iter().any(|note| note.contains("20 pages") && note.contains("data.pages")), "{:?}", data.notes);
    // 4000 needs 12 bits: 4095 is white.
    assert_eq!(data.options.range, Some([0.0, 4095.0]));
    assert!(data.notes.iter().any(|note| note.contains("4095") && note.contains("data.range")), "{:?}", data.notes);
    let row = row_called(&data, "stack.tif, page 8");
    assert!((row[3] - 703.0 / 4095.0).abs() < 1e-4, "{}", row[3]);
    let named = DataSpec { range: Some([0.0, 8000.0]), ..spec_of(&path) };
    let row = row_called(&open(&named).expect("pages"), "stack.tif, page 8");
    assert!((row[3] - 703.0 / 8000.0).abs() < 1e-4, "{}", row[3]);

    for file in 0..12 {
        stack(&folder.path().join(format!("{file}.tif")), 3);
    }
    let first = DataSpec { pages: Some(PageChoice::First), ..spec_of(folder.path()) };
    assert_eq!(open(&first).expect("first pages").rows, 13);
    let all = open(&spec_of(folder.path())).expect("all pages");
    assert_eq!(all.rows, 56);
    // Pages of one file are in one part.
    let file_of = |row: usize| all.row_name(row).split_once(',').map(|(file, _)| file.to_owned());
    let train: Vec<_> = all.train.clone().map(file_of).collect();
    assert!(all.validation.clone().chain(all.test.clone()).all(|row| !train.contains(&file_of(row))));
}

#[test]
fn premultiplied_colors_are_divided_by_alpha() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.tif");
    let mut encoder =
        tiff::encoder::TiffEncoder::new(std::fs::File::create(&path).expect("a file")).expect("an encoder");
    let mut image = encoder.new_image::<tiff::encoder::colortype::RGB8>(8, 8).expect("a page");
    image.extra_samples(&[tiff::tags::ExtraSamples::AssociatedAlpha]).expect("alpha");
    // Half of a red of 200.
    image.write_data(&[100, 0, 0, 128].repeat(64)).expect("written");
    for i in 0..10 {
        std::fs::copy(&path, folder.path().join(format!("{i}.tif"))).expect("copied");
    }
    let data = open(&DataSpec { channels: Some(4), ..spec_of(folder.path()) }).expect("pictures");
    let row = row_called(&data, "3.tif");
    let wanted = [199.0 / 255.0, 0.0, 0.0, 128.0 / 255.0];
    assert!(row.iter().zip(wanted).all(|(value, wanted)| (value - wanted).abs() < 0.01), "{:?}", &row[..4]);
}

/// Writes a TIFF file by the parts of a classic directory: entries of tag, type, count and value, then `data`, whose
/// place is written where a value is `u32::MAX` less an offset in it.
fn raw_tiff(path: &std::path::Path, entries: &[[u32; 4]], data: &[u8]) {
    let start = 8 + 2 + 12 * entries.len() as u32 + 4;
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for &[tag, kind, count, value] in entries {
        bytes.extend((tag as u16).to_le_bytes());
        bytes.extend((kind as u16).to_le_bytes());
        bytes.extend(count.to_le_bytes());
        let in_data = value > u32::MAX / 2;
        bytes.extend(if in_data { start + (u32::MAX - value) } else { value }.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend(data);
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn palettes_of_tiff_are_looked_up() {
    let folder = tempfile::tempdir().expect("a folder");
    // Place 1 is red, place 2 blue.
    let mut map = vec![0_u16; 3 * 256];
    (map[1], map[2 * 256 + 2]) = (200 * 257, 200 * 257);
    let places: Vec<u8> = (0..16 * 16).map(|at| if at % 16 < 8 { 1 } else { 2 }).collect();
    let data: Vec<u8> = map.iter().flat_map(|value| value.to_le_bytes()).chain(places).collect();
    let entries = [
        [256, 3, 1, 16],
        [257, 3, 1, 16],
        [258, 3, 1, 8],
        [259, 3, 1, 1],
        [262, 3, 1, 3],
        [273, 4, 1, u32::MAX - 6 * 256],
        [277, 3, 1, 1],
        [278, 3, 1, 16],
        [279, 4, 1, 256],
        [320, 3, 3 * 256, u32::MAX],
    ];
    for i in 0..10 {
        raw_tiff(&folder.path().join(format!("{i}.tif")), &entries, &data);
    }
    let data = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(folder.path()) }).expect("pictures");
    let row = data.rows_f32(0..1).expect("a row");
    assert_eq!(row.len(), 16 * 16 * 3);
    for (at, wanted) in [(0, [200.0, 0.0, 0.0]), (3 * 12, [0.0, 0.0, 200.0])] {
        assert!(row[at..at + 3].iter().zip(wanted).all(|(value, wanted)| (value - wanted / 255.0).abs() < 1e-6));
    }
}

/// Planes of tiles, of which the last row and column reach beyond the picture.
#[test]
fn planes_of_cut_tiles_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (height, width, side) = (24, 40, 16);
    let (across, down) = (3, 2);
    let tiles = 3 * across * down;
    let value = |plane: usize, y: usize, x: usize| (10 + 60 * plane + y + x) as u8;
    let samples = (0..tiles * side * side).map(|at| {
        let (tile, line, column) = (at / (side * side), at / side % side, at % side);
        let (plane, y) = (tile / (across * down), tile / across % down * side + line);
        let x = tile % across * side + column;
        if y < height && x < width { value(plane, y, x) } else { 255 }
    });
    let start = 8 + 2 + 12 * 11 + 4;
    let first = start + 8 + 8 * tiles;
    let numbers = (0..tiles).map(|tile| first + tile * side * side).chain((0..tiles).map(|_| side * side));
    let data: Vec<u8> = [8_u16; 4]
        .iter()
        .flat_map(|bits| bits.to_le_bytes())
        .chain(numbers.flat_map(|number| (number as u32).to_le_bytes()))
        .chain(samples)
        .collect();
    let entries = [
        [256, 3, 1, width as u32],
        [257, 3, 1, height as u32],
        [258, 3, 3, u32::MAX],
        [259, 3, 1, 1],
        [262, 3, 1, 2],
        [277, 3, 1, 3],
        [284, 3, 1, 2],
        [322, 3, 1, side as u32],
        [323, 3, 1, side as u32],
        [324, 4, tiles as u32, u32::MAX - 8],
        [325, 4, tiles as u32, u32::MAX - 8 - 4 * tiles as u32],
    ];
    for i in 0..10 {
        raw_tiff(&folder.path().join(format!("{i}.tif")), &entries, &data);
    }
    let data = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(folder.path()) }).expect("pictures");
    let row = data.rows_f32(0..1).expect("a row");
    assert_eq!(row.len(), height * width * 3);
    for (at, seen) in row.into_iter().enumerate() {
        let wanted = f32::from(value(at % 3, at / 3 / width, at / 3 % width)) / 255.0;
        assert!((seen - wanted).abs() < 1e-6, "sample {at}: {seen} for {wanted}");
    }
}

/// Pictures of one folder share black and white: those of another type or scale are named.
#[test]
fn pictures_of_unlike_types_and_scales_are_told() {
    use tiff::encoder::{TiffEncoder, colortype};
    let ramp: Vec<f32> = (0..256).map(|at| at as f32 / 255.0).collect();
    let noted = |write: &dyn Fn(usize, &mut TiffEncoder<std::fs::File>)| {
        let folder = tempfile::tempdir().expect("a folder");
        for i in 0..12 {
            let file = std::fs::File::create(folder.path().join(format!("{i:02}.tif"))).expect("a file");
            write(i, &mut TiffEncoder::new(file).expect("an encoder"));
        }
        open(&spec_of(folder.path())).expect("pictures").notes
    };
    let words: Vec<u16> = ramp.iter().map(|value| (60_000.0 * value) as u16).collect();
    let signed: Vec<i16> = ramp.iter().map(|value| (4000.0 * value - 2000.0) as i16).collect();
    let notes = noted(&|i, file| match i {
        5 => file.write_image::<colortype::GrayI16>(16, 16, &signed).expect("written"),
        _ => file.write_image::<colortype::Gray16>(16, 16, &words).expect("written"),
    });
    let told = |note: &String| {
        ["1 of signed 16-bit whole numbers", "05.tif", "data.range"].iter().all(|words| note.contains(words))
    };
    assert!(notes.iter().any(told), "{notes:?}");
    let scaled = |scale: f32| -> Vec<f32> { ramp.iter().map(|value| scale * value).collect() };
    let floats = |unlike: f32| {
        noted(&|i, file| {
            let values = scaled(if i == 5 { unlike } else { 1000.0 });
            file.write_image::<colortype::Gray32Float>(16, 16, &values).expect("written");
        })
    };
    let told =
        |note: &String| ["12 pictures", "1 span less than 2%", "05.tif"].iter().all(|words| note.contains(words));
    assert!(floats(1.0).iter().any(told), "{:?}", floats(1.0));
    assert!(!floats(100.0).iter().any(|note| note.contains("span less")), "{:?}", floats(100.0));
}

/// A small picture makes pieces of all of them, and a large one of those that would be taken whole.
#[test]
fn pictures_that_make_pieces_of_all_are_told() {
    for (unlike, piece) in [([12, 9], "9x9"), ([80, 120], "40x40")] {
        let folder = tempfile::tempdir().expect("a folder");
        for i in 0..14 {
            let name = format!("{i:02}.png");
            save_image(&DynamicImage::ImageRgb8(halves(40, 48)), &folder.path().join(name), ImageFormat::Png);
        }
        let alike = open(&spec_of(folder.path())).expect("pictures");
        assert!(!alike.notes.iter().any(|note| note.contains("pieces")), "{:?}", alike.notes);
        let [height, width] = unlike;
        save_image(&DynamicImage::ImageRgb8(halves(width, height)), &folder.path().join("odd.png"), ImageFormat::Png);
        let notes = open(&spec_of(folder.path())).expect("pictures").notes;
        let size = format!("odd.png of {height}x{width}");
        let wanted = [&format!("pieces of {piece}"), &size, "data.size", "data.fit"];
        assert!(notes.iter().any(|note| wanted.iter().all(|words| note.contains(*words))), "{notes:?}");
    }
}

/// Two gray channels of unknown meaning are no picture to train on; gray with alpha is one.
#[test]
fn two_channels_are_gray_and_alpha_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (kind, refusal) in [(0, Some("2 channels")), (2, None)] {
        let entries = [
            [256, 3, 1, 16],
            [257, 3, 1, 16],
            [258, 3, 2, 8 << 16 | 8],
            [259, 3, 1, 1],
            [262, 3, 1, 1],
            [273, 4, 1, u32::MAX],
            [277, 3, 1, 2],
            [278, 3, 1, 16],
            [279, 4, 1, 512],
            [338, 3, 1, kind],
        ];
        let data: Vec<u8> = (0..16 * 16).flat_map(|_| [51, 255]).collect();
        for i in 0..10 {
            raw_tiff(&folder.path().join(format!("{i}.tif")), &entries, &data);
        }
        let options = DataSpec { fit: Some(Fit::Crop), ..spec_of(folder.path()) };
        match refusal {
            Some(words) => refused(&options, &[words, "save each as a gray picture"]),
            None => {
                let data = open(&options).expect("pictures");
                assert_eq!(data.features, 256);
                assert!(data.rows_f32(0..1).expect("a row").iter().all(|value| (value - 0.2).abs() < 1e-6));
            }
        }
    }
}

/// Red, green and blue are taken of more bands, which is said.
#[test]
fn bands_that_are_left_out_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let entries = [
        [256, 3, 1, 16],
        [257, 3, 1, 16],
        [258, 3, 4, u32::MAX],
        [259, 3, 1, 1],
        [262, 3, 1, 2],
        [273, 4, 1, u32::MAX - 8],
        [277, 3, 1, 4],
        [278, 3, 1, 16],
        [279, 4, 1, 1024],
        [338, 3, 1, 0],
    ];
    let data: Vec<u8> = [8_u16; 4]
        .iter()
        .flat_map(|bits| bits.to_le_bytes())
        .chain((0..16 * 16).flat_map(|_| [10, 20, 30, 250]))
        .collect();
    for i in 0..10 {
        raw_tiff(&folder.path().join(format!("{i}.tif")), &entries, &data);
    }
    let data = open(&DataSpec { fit: Some(Fit::Crop), ..spec_of(folder.path()) }).expect("pictures");
    let row = data.rows_f32(0..1).expect("a row");
    assert!(row.iter().zip([10.0, 20.0, 30.0, 10.0]).all(|(value, wanted)| (value - wanted / 255.0).abs() < 1e-6));
    assert!(data.notes.iter().any(|note| note.contains("near infrared")), "{:?}", data.notes);
}

#[test]
fn what_is_blended_or_too_large_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..10 {
        let picture = RgbaImage::from_fn(16, 16, |x, _| Rgba([80, 80, 80, if x < i { 0 } else { 255 }]));
        save_image(&DynamicImage::ImageRgba8(picture), &folder.path().join(format!("{i}.png")), ImageFormat::Png);
    }
    let data = open(&spec_of(folder.path())).expect("pictures");
    let told = |note: &String| note.contains("transparent parts: 9") && note.contains("blended with white");
    assert!(data.notes.iter().any(told), "{:?}", data.notes);
    let kept = open(&DataSpec { channels: Some(4), ..spec_of(folder.path()) }).expect("pictures");
    assert!(!kept.notes.iter().any(|note| note.contains("blended")), "{:?}", kept.notes);
    // The size that helps is named as it is written.
    let alone = tempfile::tempdir().expect("a folder");
    save_image(&DynamicImage::ImageRgb8(halves(160, 128)), &alone.path().join("a.png"), ImageFormat::Png);
    refused(&spec_of(&alone.path().join("a.png")), &["64x64", "setting `data.size=[16,16]`"]);
}

#[test]
fn damaged_pages_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stack.tif");
    let mut encoder = tiff::encoder::TiffEncoder::new(std::fs::File::create(&path).expect("a file"))
        .expect("an encoder")
        .with_compression(tiff::encoder::Compression::Deflate(tiff::encoder::DeflateLevel::default()));
    let values: Vec<u8> = (0..64 * 64).map(|at| (at * at % 251) as u8).collect();
    for _ in 0..3 {
        encoder.write_image::<tiff::encoder::colortype::Gray8>(64, 64, &values).expect("a page");
    }
    drop(encoder);
    let mut bytes = std::fs::read(&path).expect("read");
    let mut decoder = tiff::decoder::Decoder::new(std::io::Cursor::new(&bytes)).expect("a TIFF file");
    decoder.next_image().expect("a page");
    let at = decoder.get_tag_u32_vec(tiff::tags::Tag::StripOffsets).expect("strips")[0] as usize;
    drop(decoder);
    bytes[at..at + 40].fill(0xff);
    std::fs::write(&path, &bytes).expect("written");
    refused(&DataSpec { fit: Some(Fit::Crop), ..spec_of(&path) }, &["stack.tif", "page 2"]);
}
