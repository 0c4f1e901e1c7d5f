//! What the host reads of the steps.

use burn::{backend::fusion::get_client, tensor::DType};
use burn_cubecl::{
    CubeBackend,
    cubecl::{self},
};

use super::{
    buffer::Number,
    kernels::{PARTIAL, halt},
    launch::Buffers,
};
use crate::steps::{Halt, Read, Row};

/// Waits for the device, and returns what the steps since the last reading measured.
pub(super) fn read(buffers: &Buffers) -> Read {
    match buffers.dtype {
        DType::F64 => read_as::<f64>(buffers),
        _ => read_as::<f32>(buffers),
    }
}

fn read_as<F: Number>(buffers: &Buffers) -> Read {
    let Buffers { client, control, log, device, .. } = buffers;
    let (client, control, log) = (client.clone(), control.clone(), log.clone());
    let partials = buffers.partials.as_ref().map(|(_, handle)| handle.clone());
    let (bytes, partials) = get_client::<CubeBackend>(device).sync(move || {
        let mut bytes = client.read(vec![control.clone(), log]).expect("the device answers");
        let reason = bytemuck::pod_read_unaligned::<[u32; 2]>(&bytes[0][..8])[1];
        client.write(&control, cubecl::bytes::Bytes::from_elems(vec![0u32, reason]));
        let partials = (reason == halt::NOT_FINITE)
            .then(|| partials.map(|handle| client.read_one(handle).expect("the device answers")))
            .flatten();
        bytes.truncate(2);
        (bytes, partials)
    });
    let [rows, reason] = bytemuck::pod_read_unaligned::<[u32; 2]>(&bytes[0][..8]);
    let numbers = |bytes: &[u8]| -> Vec<f64> {
        bytes.chunks_exact(std::mem::size_of::<F>()).map(|x| bytemuck::pod_read_unaligned::<F>(x).wide()).collect()
    };
    let log = numbers(&bytes[1]);
    let rows: Vec<Row> = log
        .chunks_exact(buffers.scalars + 2)
        .take(rows as usize)
        .map(|row| {
            let (scalars, size) = row.split_at(buffers.scalars);
            Row { scalars: scalars.to_vec(), norm: size[0].sqrt(), largest: size[1] }
        })
        .collect();
    let halt = match reason {
        halt::CONVERGED => Some(Halt::Converged),
        halt::OVERFLOW => Some(Halt::Overflow),
        halt::NOT_FINITE => {
            let partials = numbers(&partials.expect("they were read"));
            let cube = partials.chunks_exact(PARTIAL).position(|partial| partial[2] > 0.0);
            let of_cube =
                |cube| buffers.begins.iter().rposition(|&begin| begin <= cube).expect("the first begins at 0");
            let finite = rows.last().is_none_or(|row| row.scalars[0].is_finite());
            Some(cube.filter(|_| finite).map_or(Halt::Loss, |cube| Halt::Gradient(of_cube(cube))))
        }
        _ => None,
    };
    Read { rows, halt }
}

/// Takes steps again after a halt.
pub(super) fn resume(buffers: &Buffers) {
    let (client, control) = (buffers.client.clone(), buffers.control.clone());
    get_client::<CubeBackend>(&buffers.device)
        .sync(move || client.write(&control, cubecl::bytes::Bytes::from_elems(vec![0u32, 0u32])));
}
