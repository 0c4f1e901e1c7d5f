//! Minibatches that are made on a GPU have the bits of those that are made on the host.

use kiln::{
    data::{Binarize, Binarized, Dataset},
    prelude::*,
};

use super::gpu;

fn bits(tensor: Tensor<2>) -> Vec<u32> {
    tensor.try_into_vec_as::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

#[test]
fn rows_on_the_device_are_those_of_the_host() {
    let Some(info) = gpu() else { return };
    let device = info.device();
    let images = kiln::data::digits();
    // Five pixels an image: neither whole words nor whole blocks of random numbers.
    let odd = Images::unlabelled((0..=255).cycle().take(5 * 301).collect(), 1, 5, 255).unwrap();
    for (what, images) in [("digits", &images), ("odd", &odd)] {
        let resident = images.resident(&device).expect("it fits");
        assert_eq!(resident.len(), images.len());
        for rows in [vec![0], vec![7, 3, 3, 299], (0..300).rev().collect::<Vec<_>>(), vec![]] {
            let (there, here) = (resident.batch(&rows, &device), images.batch(&rows, &Device::flex()));
            assert_eq!(there.dims(), here.dims());
            assert_eq!(bits(there), bits(here), "{what}, {} rows", rows.len());
        }
        for mode in [Binarize::None, Binarize::Dynamic, Binarize::Fixed] {
            let drawn = Binarized::new(images.clone(), mode, 7, "binarize-train");
            let resident = drawn.resident(&device).expect("it fits");
            let rows = [0, 12, 5, 300 - 1];
            for epoch in [0, 3] {
                let here = drawn.batch_in_epoch(&rows, epoch, &Device::flex());
                assert_eq!(bits(resident.batch_in_epoch(&rows, epoch, &device)), bits(here), "{what} {mode:?} {epoch}");
            }
        }
    }
    let labelled = Labelled::new(images).unwrap();
    let resident = labelled.resident(&device).expect("it fits");
    let (there, here) = (resident.batch(&[4, 9], &device), labelled.batch(&[4, 9], &Device::flex()));
    assert_eq!(bits(there.inputs), bits(here.inputs));
    assert_eq!(
        there.targets.into_data().iter::<i64>().collect::<Vec<_>>(),
        here.targets.into_data().iter::<i64>().collect::<Vec<_>>()
    );
    assert!(labelled.resident(&Device::flex()).is_none(), "the CPU has the images in its memory already");
}
