//! Pictures people upload, made small and harmless: decoded within limits (a small file can claim a huge canvas), reduced, and
//! encoded anew, so that nothing of the original file (metadata, trailing data) is ever served.

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, imageops::FilterType};
use sha2::{Digest, Sha256};
use std::io::Cursor;

/// Largest upload, in bytes.
pub const MAX_BYTES: usize = 5 * 1024 * 1024;
pub const CONTENT_TYPE: &str = "image/png";
/// For the `accept` attribute.
pub const ACCEPT: &str = "image/png,image/jpeg,image/webp,image/gif";

const MAX_SIDE: u32 = 10_000;
const MAX_MEMORY: u64 = 160 * 1024 * 1024;

/// A picture ready to be kept: PNG bytes, and a tag that changes with them.
#[derive(Clone, Debug)]
pub struct Picture {
    pub bytes: Vec<u8>,
    pub tag: String,
}

/// The middle square, `side` pixels wide. Takes up to some 100 ms: call it off the async threads.
pub fn square(file: &[u8], side: u32) -> Result<Picture, &'static str> {
    encode(&decode(file)?.resize_to_fill(side, side, FilterType::Lanczos3))
}

/// The whole picture, at most `side` pixels wide and high; never enlarged.
pub fn fitted(file: &[u8], side: u32) -> Result<Picture, &'static str> {
    let picture = decode(file)?;
    let large = picture.width() > side || picture.height() > side;
    encode(&if large { picture.resize(side, side, FilterType::Lanczos3) } else { picture })
}

fn decode(file: &[u8]) -> Result<DynamicImage, &'static str> {
    const NOT_ONE: &str = "must be a PNG, JPEG, WebP or GIF picture";
    const DAMAGED: &str = "cannot be read: the picture is damaged or far too large";
    let format = image::guess_format(file).map_err(|_| NOT_ONE)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif) {
        return Err(NOT_ONE);
    }
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| DAMAGED)?;
    // Not every decoder keeps the limit by itself.
    if decoder.total_bytes() > MAX_MEMORY {
        return Err(DAMAGED);
    }
    let orientation = decoder.orientation().map_err(|_| DAMAGED)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| DAMAGED)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn encode(picture: &DynamicImage) -> Result<Picture, &'static str> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture.to_rgba8())
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|_| "cannot be kept: choose another picture")?;
    let bytes = bytes.into_inner();
    let tag = hex::encode(&Sha256::digest(&bytes)[..8]);
    Ok(Picture { bytes, tag })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let _ = DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png);
        bytes.into_inner()
    }

    #[test]
    fn pictures_become_small_squares() -> Result<(), Box<dyn std::error::Error>> {
        let picture = square(&png(640, 360), 256)?;
        let read = image::load_from_memory(&picture.bytes)?;
        assert_eq!((read.width(), read.height()), (256, 256));
        let read = image::load_from_memory(&fitted(&png(640, 360), 320)?.bytes)?;
        assert_eq!((read.width(), read.height()), (320, 180));
        Ok(())
    }

    #[test]
    fn bombs_and_other_files_are_refused() {
        assert!(square(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 256).is_err());
        assert!(square(b"", 256).is_err());
        assert!(square(&png(640, 360)[..200], 256).is_err());
        // A header that claims 60,000 × 60,000 pixels over a few bytes of data.
        let mut bomb = png(8, 8);
        bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        assert!(square(&bomb, 256).is_err());
    }
}
