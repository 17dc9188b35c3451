//! A picture in small.
//!
//! Guarantee: what an agent calls a picture costs about [`MEMORY_BYTES_MAX`] at most, one picture at a time, and what can't
//! be read as one is none. WebP is left out: a small canvas may hold a huge frame, which its decoder makes before it looks.

use std::{
    fs::File,
    io::{BufReader, Cursor, Seek},
};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};
use tokio::sync::Semaphore;

/// The largest thumbnail, in pixels. <https://spec.matrix.org/v1.16/client-server-api/#thumbnails>
const WIDTH_MAX: u32 = 800;
const HEIGHT_MAX: u32 = 600;
/// A picture that is no more than this many bytes is small enough.
const SMALL_BYTES: u64 = 65_536;
/// How much drawing a picture may take.
const MEMORY_BYTES_MAX: u64 = 150_000_000;
/// How much a decoder takes for each byte of its pixels: a JPEG that comes in several scans is kept as coefficients, too.
const COST: u64 = 4;
/// Drawing takes its memory once.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// How large a picture is, as people see it: cameras store many lying on their sides.
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    /// `None` for one that is small already, or too large to be drawn.
    pub(super) small: Option<Small>,
}

/// The same picture, in no more than 800 × 600 pixels.
pub(super) struct Small {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Such as `image/png`.
    pub(super) kind: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Looks at a file of this size; `None` if it is no picture that we know. The format is its content's, not its name's.
pub(super) async fn of(content: File, size_bytes: u64) -> Option<Picture> {
    let _drawing = ONE_AT_A_TIME.acquire().await;
    tokio::task::spawn_blocking(move || look(content, size_bytes)).await.ok()?
}

fn look(mut content: File, size_bytes: u64) -> Option<Picture> {
    if size_bytes > MEMORY_BYTES_MAX {
        return None;
    }
    content.rewind().ok()?;
    let mut reader = ImageReader::new(BufReader::new(content)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY_BYTES_MAX / COST);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (width, height) = upright(orientation, decoder.dimensions());
    let is_small = width <= WIDTH_MAX && height <= HEIGHT_MAX && size_bytes <= SMALL_BYTES;
    let is_cheap = decoder.total_bytes().saturating_mul(COST).saturating_add(size_bytes) <= MEMORY_BYTES_MAX;
    let small = if is_cheap && !is_small { draw(decoder, orientation, size_bytes) } else { None };
    Some(Picture { width, height, small })
}

fn draw(decoder: impl ImageDecoder, orientation: Orientation, size_bytes: u64) -> Option<Small> {
    let picture = DynamicImage::from_decoder(decoder).ok()?;
    let (width_max, height_max) = upright(orientation, (WIDTH_MAX, HEIGHT_MAX));
    let mut small = picture.thumbnail(picture.width().min(width_max), picture.height().min(height_max));
    drop(picture);
    small.apply_orientation(orientation);
    // What has no holes to see through is a photo, or as good as one.
    let format = if small.color().has_alpha() { ImageFormat::Png } else { ImageFormat::Jpeg };
    if format == ImageFormat::Jpeg {
        small = small.into_rgb8().into();
    }
    let mut bytes = Vec::new();
    small.write_to(&mut Cursor::new(&mut bytes), format).ok()?;
    let is_smaller = u64::try_from(bytes.len()).is_ok_and(|bytes| bytes < size_bytes);
    is_smaller.then(|| Small { width: small.width(), height: small.height(), kind: format.to_mime_type(), bytes })
}

/// Width and height after the turn that the file asks for.
fn upright(orientation: Orientation, (width, height): (u32, u32)) -> (u32, u32) {
    match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use image::{ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage, codecs::jpeg::JpegEncoder};

    use super::*;

    fn seen(bytes: &[u8]) -> Option<Picture> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        look(file, bytes.len() as u64)
    }

    /// Every pixel another, so that nothing is saved by being alike.
    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let pixel = |x: u32, y: u32| {
            let [a, b, c, _] = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
            Rgb([a, b, c])
        };
        let mut bytes = Vec::new();
        let whole = DynamicImage::from(RgbImage::from_fn(width, height, pixel));
        whole.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    #[test]
    fn a_large_picture_is_drawn_in_small_and_keeps_its_shape() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let seen = seen(&picture(2_000, 1_000, format)).unwrap();
            let small = seen.small.unwrap();
            assert_eq!((seen.width, seen.height, small.width, small.height), (2_000, 1_000, 800, 400));
            let read = image::load_from_memory_with_format(&small.bytes, ImageFormat::Jpeg).unwrap();
            assert_eq!((read.width(), read.height(), small.kind), (800, 400, "image/jpeg"));
        }
    }

    #[test]
    fn a_picture_that_lies_on_its_side_is_put_up() {
        // One entry in a directory in little endian: the orientation is "turn it to the right".
        let turned = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        // Its left half is white, which is above after the turn.
        let lying = RgbImage::from_fn(2_000, 1_000, |x, _| if x < 1_000 { Rgb([255; 3]) } else { Rgb([0; 3]) });
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new(&mut bytes);
        encoder.set_exif_metadata(turned.to_vec()).unwrap();
        lying.write_with_encoder(encoder).unwrap();
        let seen = seen(&bytes).unwrap();
        let small = seen.small.unwrap();
        assert_eq!((seen.width, seen.height, small.width, small.height), (1_000, 2_000, 300, 600));
        let read = image::load_from_memory_with_format(&small.bytes, ImageFormat::Jpeg).unwrap().into_rgb8();
        assert!(read.get_pixel(150, 10)[0] > 200 && read.get_pixel(150, 590)[0] < 50);
    }

    #[test]
    fn what_one_can_see_through_stays_so() {
        let pixel = |x: u32, y: u32| Rgba([(x * y / 7) as u8, (x / 3) as u8, (y / 5) as u8, (x + y) as u8]);
        let mut bytes = Vec::new();
        let whole = RgbaImage::from_fn(1_000, 1_000, pixel);
        whole.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        let small = seen(&bytes).unwrap().small.unwrap();
        assert_eq!((small.width, small.height, small.kind), (600, 600, "image/png"));
    }

    #[test]
    fn a_small_picture_is_its_own_thumbnail() {
        let seen = seen(&picture(40, 30, ImageFormat::Png)).unwrap();
        assert_eq!((seen.width, seen.height, seen.small.is_none()), (40, 30, true));
    }

    #[test]
    fn what_is_no_picture_has_none() {
        assert!(seen(b"").is_none());
        assert!(seen(b"<svg/>").is_none());
        let mut torn = picture(2_000, 1_000, ImageFormat::Png);
        torn.truncate(50_000);
        assert!(seen(&torn).is_none_or(|seen| seen.small.is_none()));
    }

    #[test]
    fn a_picture_that_is_larger_than_it_looks_is_not_drawn() {
        let plain = RgbImage::new(7_000, 7_000);
        let mut bytes = Vec::new();
        plain.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        let seen = seen(&bytes).unwrap();
        assert_eq!((seen.width, seen.small.is_none()), (7_000, true));
    }
}
