//! Small whole files that inputs are made of.

use std::io::{Cursor, Write};

use image::{DynamicImage, ImageFormat};

/// A file of the tests of readers.
macro_rules! stored {
    ($name:literal) => {
        include_bytes!(concat!("../../data/tests/", $name)).to_vec()
    };
}

pub fn npy() -> Vec<Vec<u8>> {
    let of = |kind: &str, shape: &str, fortran: &str, data: &[u8]| {
        let header =
            format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    };
    vec![
        of("<f4", "(2, 3)", "False", &[0; 24]),
        of(">f8", "(3, 2)", "True", &[1; 48]),
        of("|u1", "(4, 4)", "False", &[9; 16]),
        of("<U3", "(2, 1)", "False", &[97, 0, 0, 0, 98, 0, 0, 0, 0, 0, 0, 0].repeat(2)),
        of("<f2", "(2, 2)", "False", &[0; 8]),
    ]
}

pub fn zipped(name: &str, content: &[u8], deflated: bool) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method =
        if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    writer.start_file(name, options).expect("memory can be written");
    writer.write_all(content).expect("memory can be written");
    writer.finish().expect("memory can be written").into_inner()
}

pub fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

pub fn npz() -> Vec<Vec<u8>> {
    npy().iter().map(|npy| zipped("x.npy", npy, npy.len().is_multiple_of(2))).collect()
}

pub fn matlab() -> Vec<Vec<u8>> {
    vec![
        stored!("matlab/plain.mat"),
        stored!("matlab/packed.mat"),
        stored!("matlab/big_endian.mat"),
    ]
}

pub fn matlab_texts() -> Vec<Vec<u8>> {
    vec![stored!("matlab/texts_plain.mat"), stored!("matlab/texts_packed.mat")]
}

pub fn matlab_7_3() -> Vec<Vec<u8>> {
    vec![stored!("matlab/version_7_3.mat")]
}

pub fn hdf5() -> Vec<Vec<u8>> {
    vec![stored!("hdf5/features.h5")]
}

pub fn usps_hdf5() -> Vec<Vec<u8>> {
    vec![stored!("hdf5/f4.h5"), stored!("hdf5/u1.h5"), stored!("hdf5/i4.h5")]
}

pub fn idx() -> Vec<Vec<u8>> {
    let mut plain = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 3];
    plain.extend(0..24);
    vec![gzipped(&plain), plain]
}

pub fn svmlight() -> Vec<Vec<u8>> {
    vec![b"1 1:0.5 7:2 # a\n-1 2:1e3\n\n2;3.5 qid:4 3:-1\n".to_vec(), gzipped(b"0 1:1\n1 2:2\n")]
}

pub fn csv() -> Vec<Vec<u8>> {
    vec![
        b"x,y,kind\n1,2,a\n3,\"4\",b\n\n5,6.5e0,\n".to_vec(),
        "\u{feff}x,y,kind\r\n1.5,2,\"a \"\"b\"\"\"\r\n".as_bytes().to_vec(),
        gzipped(b"x,y,kind\n1,2,a\n"),
    ]
}

pub fn parquet() -> Vec<Vec<u8>> {
    vec![stored!("parquet/polars.parquet"), stored!("parquet/pandas.parquet")]
}

pub fn images() -> Vec<Vec<u8>> {
    let image = image::RgbImage::from_fn(17, 9, |x, y| image::Rgb([x as u8 * 9, y as u8 * 20, 7]));
    let image = DynamicImage::ImageRgb8(image);
    let encoded = |image: &DynamicImage, format: ImageFormat| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("memory can be written");
        bytes.into_inner()
    };
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP,
        ImageFormat::Pnm,
    ];
    let mut all: Vec<Vec<u8>> = formats.iter().map(|&format| encoded(&image, format)).collect();
    let grey = DynamicImage::ImageLuma16(image.to_luma16());
    all.extend([ImageFormat::Png, ImageFormat::Tiff].map(|format| encoded(&grey, format)));
    all.extend([stored!("images/alpha.png"), stored!("images/float.tiff")]);
    all
}

pub fn dicom() -> Vec<Vec<u8>> {
    vec![
        stored!("images/ct.dcm"),
        stored!("images/ct_implicit"),
        stored!("images/rle.dcm"),
        stored!("images/jpeg.dcm"),
        stored!("images/frames.dcm"),
        stored!("images/colour.dcm"),
    ]
}

pub fn nifti() -> Vec<Vec<u8>> {
    vec![stored!("images/volume.nii"), stored!("images/volume.nii.gz")]
}

pub fn zip_of_images() -> Vec<Vec<u8>> {
    let image = &images()[0];
    vec![zipped("cat/1.png", image, true), zipped("cat/1.png", image, false)]
}

pub fn tar_of_images() -> Vec<Vec<u8>> {
    let image = &images()[0];
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["cat/1.png", "dog/a-rather-long-name-that-still-fits/2.png"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(image.len() as u64);
        builder.append_data(&mut header, name, image.as_slice()).expect("memory can be written");
    }
    let mut long = tar::Header::new_gnu();
    long.set_size(image.len() as u64);
    let name = format!("dog/{}.png", "n".repeat(150));
    builder.append_data(&mut long, name, image.as_slice()).expect("memory can be written");
    vec![builder.into_inner().expect("memory can be written")]
}

pub fn image_list() -> Vec<Vec<u8>> {
    vec![b"a.png 0\na.png 1\n# no\n\na.png\t-1\n".to_vec(), b"a.png cat\na.png dog\n".to_vec()]
}

pub fn wav() -> Vec<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("memory can be written");
    for at in 0..800_i16 {
        writer.write_sample(at.wrapping_mul(37)).expect("memory can be written");
    }
    writer.finalize().expect("memory can be written");
    vec![bytes.into_inner()]
}

pub fn flac() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../data/tests/audio/tone_16_bits_mono.flac").to_vec(),
        include_bytes!("../../data/tests/audio/tone_24_bits_stereo.flac").to_vec(),
    ]
}

pub fn json_lines() -> Vec<Vec<u8>> {
    vec![
        b"{\"text\": \"good \\u00e9\", \"label\": 1}\n{\"text\": \"bad\", \"label\": 0}\n".to_vec(),
    ]
}

pub fn tagged() -> Vec<Vec<u8>> {
    let review = "<review>\n<text>\ngood & cheap\n</text>\n<label>1</label>\n</review>\n";
    vec![(review.to_owned() + &review.replace('1', "0")).into_bytes()]
}

pub fn table_of_texts() -> Vec<Vec<u8>> {
    vec![b"text,label\n\"good, \"\"really\"\"\",1\nbad,0\n".to_vec()]
}

pub fn safetensors() -> Vec<Vec<u8>> {
    let data = [0_u8; 24];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2, 3], &data)
        .expect("the shape fits");
    vec![safetensors::serialize([("w", view)], None).expect("memory can be written")]
}

pub fn pth() -> Vec<Vec<u8>> {
    vec![include_bytes!("../seeds/tiny.pth").to_vec()]
}

pub fn descriptors() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../../datasets/digits.toml").to_vec(),
        include_bytes!("../../../datasets/diabetes.toml").to_vec(),
        include_bytes!("../../../datasets/spoken-digit-strings.toml").to_vec(),
        include_bytes!("../../../datasets/office31.toml").to_vec(),
    ]
}

pub fn experiments() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../../experiments/quickstart.toml").to_vec(),
        include_bytes!("../../../experiments/quickstart_sweep.toml").to_vec(),
        include_bytes!("../../../experiments/office31_selection.toml").to_vec(),
        include_bytes!("../../../experiments/digits_stream.toml").to_vec(),
    ]
}
