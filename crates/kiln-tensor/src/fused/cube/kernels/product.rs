//! Products of matrices whose precision is chosen.

use burn::{
    backend::TensorMetadata,
    tensor::{DType, Shape},
};
use burn_cubecl::{
    CubeTuneId,
    cubecl::{
        self,
        tune::{LocalTuner, Tunable, TunableSet, TuneGroup, local_tuner},
    },
    kernel::{
        cast,
        matmul::{MatmulStrategy, init_matmul_output, matmul},
    },
    ops::numeric::zeros,
    tensor::CubeTensor,
};
use cubek::{
    matmul::{
        definition::{MatmulElems, MatmulGlobalElems, MatmulKind},
        launch::launch_ref,
        multi_level::{
            Strategy,
            routines::{
                TileSizeSelection,
                batch::{double_unit::DoubleUnitSelectionArgs, simple_unit::SimpleUnitSelectionArgs},
            },
        },
        routine::BlueprintStrategy,
        tune_key::{MatmulAutotuneKey, should_tune_double_buffering},
    },
    std::InputBinding,
};

use super::tall;
use crate::fused::MatmulPrecision;

/// The product of two matrices, of the type of its factors.
pub(super) fn product(lhs: CubeTensor, rhs: CubeTensor, precision: MatmulPrecision) -> CubeTensor {
    let dtype = lhs.dtype;
    // The kernels leave such a product as it is in memory.
    if lhs.shape().num_elements() == 0 || rhs.shape().num_elements() == 0 {
        let shape = Shape::from([lhs.shape()[0], rhs.shape()[1]]);
        return zeros(lhs.device.clone(), shape, dtype);
    }
    match precision {
        MatmulPrecision::Bf16 if dtype == DType::F32 => {
            let rounded = |tensor| cast(tensor, DType::BF16);
            by_burn(rounded(lhs), rounded(rhs), dtype)
        }
        MatmulPrecision::Tf32 => by_burn(lhs, rhs, dtype),
        _ if tall::is_tall(&lhs, &rhs) => tall::tall(lhs, rhs),
        _ => strict(lhs, rhs),
    }
}

/// By any of Burn's kernels, including those on tensor cores.
fn by_burn(lhs: CubeTensor, rhs: CubeTensor, dtype: DType) -> CubeTensor {
    matmul(lhs, rhs, None, MatmulStrategy::default(), dtype).expect("the tuner has a kernel for any two matrices")
}

type Inputs = (CubeTensor, CubeTensor, CubeTensor);

/// By a kernel that multiplies and adds in the type of the factors. Which one is tuned.
fn strict(lhs: CubeTensor, rhs: CubeTensor) -> CubeTensor {
    static TUNER: LocalTuner<MatmulAutotuneKey, CubeTuneId> = local_tuner!("strict");
    let (client, dtype) = (lhs.client.clone(), lhs.dtype);
    let out = init_matmul_output(&lhs, &rhs, dtype);
    let id = CubeTuneId::new(&client, &lhs.device);
    let tunables = TUNER.init(&id, || {
        let inputs = |_: &MatmulAutotuneKey, (lhs, rhs, out): &Inputs| (lhs.clone(), rhs.clone(), out.copy());
        let set = TunableSet::new(key, inputs);
        let group = TuneGroup::<MatmulAutotuneKey>::new("strict", |_| 0);
        strategies().into_iter().fold(set, |set, (strategy, round)| {
            let name = strategy.to_string();
            set.with(Tunable::new(&name, move |inputs| launch(&strategy, inputs)).group(&group, round))
        })
    });
    TUNER.execute(&id, &client, tunables, (lhs, rhs, out.clone()));
    out
}

/// Tried and timed; taken if all of those fail; not taken.
const TRIED: i8 = 1;
const IN_NEED: i8 = 0;
const NEVER: i8 = -1;

type Round = fn(&MatmulAutotuneKey) -> i8;

/// The kernels without tensor cores, and whether they are tried for a problem.
fn strategies() -> Vec<(Strategy, Round)> {
    let tiles = [TileSizeSelection::MaxTileSize, TileSizeSelection::MinTileSize];
    let single = |tile_size| Strategy::SimpleUnit(BlueprintStrategy::Inferred(SimpleUnitSelectionArgs { tile_size }));
    let double = |tile_size| Strategy::DoubleUnit(BlueprintStrategy::Inferred(DoubleUnitSelectionArgs { tile_size }));
    let vectors = [
        Strategy::SimpleVecMat(BlueprintStrategy::Inferred(().into())),
        Strategy::GemvUnitPerpendicular(BlueprintStrategy::Inferred(Default::default())),
    ];
    // The first one takes what the others refuse.
    let naive: Round = |key| match key.analysis.kind {
        MatmulKind::General | MatmulKind::MatVec | MatmulKind::VecMat => IN_NEED,
        _ => TRIED,
    };
    let for_double: Round = |key| if should_tune_double_buffering(false, key) { TRIED } else { IN_NEED };
    let for_vectors: Round = |key| match key.analysis.kind {
        MatmulKind::MatVec | MatmulKind::VecMat => TRIED,
        _ => NEVER,
    };
    let units = tiles.map(|tile| (single(tile), (|_| TRIED) as Round));
    let doubles = tiles.map(|tile| (double(tile), for_double));
    let vectors = vectors.map(|strategy| (strategy, for_vectors));
    [(Strategy::Naive, naive)].into_iter().chain(units).chain(doubles).chain(vectors).collect()
}

fn key((lhs, rhs, out): &Inputs) -> MatmulAutotuneKey {
    MatmulAutotuneKey::generate(
        &lhs.client,
        lhs.meta.shape(),
        rhs.meta.shape(),
        lhs.meta.strides(),
        rhs.meta.strides(),
        lhs.meta.tiling,
        rhs.meta.tiling,
        stored(lhs),
        stored(rhs),
        stored(out),
        None,
        None,
    )
}

fn stored(tensor: &CubeTensor) -> cubecl::ir::ElemType {
    burn::backend::cubecl::dtype_to_storage_type(tensor.dtype)
}

fn launch(strategy: &Strategy, (lhs, rhs, out): Inputs) -> Result<(), String> {
    let (client, types) = (out.client.clone(), [stored(&lhs), stored(&rhs), stored(&out)]);
    let mut types = MatmulElems::from_globals(&MatmulGlobalElems { lhs: types[0], rhs: types[1], out: types[2] });
    let input = |tensor: CubeTensor| {
        let stored = stored(&tensor);
        InputBinding::new(tensor.binding(), stored)
    };
    launch_ref(&strategy.clone().into(), &client, input(lhs), input(rhs), out.binding(), &mut types)
        .map_err(|error| format!("{error:?}"))
}
