//! Batches on a device of 64-bit floats. The float type is set once a process: hence a test program of its own.

use burn::tensor::{Device, FloatDType};
use kiln_data::{Dataset, Examples, Images, Labelled};

#[test]
fn batches_on_a_device_of_64_bit_floats_are_exact() {
    let mut device = Device::flex();
    device.configure(FloatDType::F64).unwrap();
    let images = Images::new(vec![1, 2, 100, 255], vec![0, 1], 1, 2, 255).unwrap();
    let expected = [100.0 / 255.0, 1.0, 1.0 / 255.0, 2.0 / 255.0];
    let values = |tensor: burn::tensor::Tensor<2>| tensor.into_data().try_to_vec::<f64>().unwrap();
    assert_eq!(values(images.pixels(&[1, 0], &device)), expected);
    assert_eq!(values(Examples::try_from(&images).unwrap().batch(&[1, 0], &device).inputs), expected);
    assert_eq!(values(Labelled::new(images).unwrap().batch(&[1, 0], &device).inputs), expected);
}
