//! The rule of each operation.

use super::*;

#[test]
#[allow(clippy::too_many_lines, reason = "one line a rule")]
fn each_rule_agrees_with_burns_gradient_and_its_differences() {
    check("exp", both_signs(), Tensor::exp);
    check("log", fractions(), Tensor::log);
    check("log1p", fractions(), Tensor::log1p);
    check("erf", both_signs(), Tensor::erf);
    check("sqrt", fractions(), Tensor::sqrt);
    check("recip", both_signs(), Tensor::recip);
    check("sin", both_signs(), Tensor::sin);
    check("cos", both_signs(), Tensor::cos);
    check("tan", fractions(), Tensor::tan);
    check("sinh", both_signs(), Tensor::sinh);
    check("cosh", both_signs(), Tensor::cosh);
    check("tanh", both_signs(), Tensor::tanh);
    check("asin", fractions() * 0.8, Tensor::asin);
    check("acos", fractions() * 0.8, Tensor::acos);
    check("atan", both_signs(), Tensor::atan);
    check("asinh", both_signs(), Tensor::asinh);
    check("acosh", fractions() + 1.2, Tensor::acosh);
    check("atanh", fractions() * 0.8, Tensor::atanh);
    check("abs", both_signs(), Tensor::abs);
    check("sign times x²", both_signs(), |x| x.clone().sign() * x.square());
    check("floor plus x²", both_signs(), |x| x.clone().floor() + x.square());
    check("powf_scalar", fractions(), |x| x.powf_scalar(2.5));
    check("powi_scalar", both_signs(), |x| x.powi_scalar(3));
    check("powi_scalar, negative", both_signs(), |x| x.powi_scalar(-2));
    check("powf", fractions(), |x| x.clone().powf(x * 2.0 + 1.0));
    check("atan2", both_signs(), |x| x.clone().atan2(x.square() + 1.0));
    check("hypot", both_signs(), |x| x.clone().hypot(x.sin()));
    check("products and quotients", both_signs(), |x| (x.clone() * 2.0 - 1.0) * x.clone() / (x.square() + 3.0));
    check("broadcast sum", both_signs(), |x| {
        x.clone().narrow(0, 0, 1) + x.clone().narrow(1, 1, 1) - x.clone().narrow(0, 2, 1).square()
    });
    check("broadcast product", both_signs(), |x| x.clone().narrow(0, 0, 1) * x.narrow(1, 1, 1).exp());
    check("broadcast quotient", both_signs(), |x| x.clone().narrow(0, 0, 1) / x.narrow(1, 1, 1));
    check("remainder", both_signs(), |x| x.clone().remainder_scalar(0.7) * x);
    check("matmul", both_signs(), |x| x.clone().matmul(x.clone().transpose()).matmul(x.tanh()));
    check("sum and mean", both_signs(), |x| (x.clone().square().sum() * x.exp().mean()).unsqueeze());
    check("sum_dim", both_signs(), |x| x.clone().sum_dim(0).square());
    check("mean_dim", both_signs(), |x| x.clone().mean_dim(1).square());
    check_in_single("var", both_signs(), |x| x.var(1));
    check("cumsum", both_signs(), |x| x.cumsum(1).square());
    check("max", both_signs(), |x| (x.clone().max() * x.min()).unsqueeze());
    check("max_dim", both_signs(), |x| x.max_dim(1).square());
    check("max_dim with places", both_signs(), |x| {
        let (y, places) = (x.clone() * x.clone()).max_dim_with_indices(1);
        y * x.gather(1, places)
    });
    check("min_dim", both_signs(), |x| x.min_dim(0).exp());
    check("sort", both_signs(), |x| {
        let factors = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0], &x.device());
        x.sort(1).square() * factors.unsqueeze()
    });
    check("clamp", both_signs(), |x| x.clamp(-1.0, 1.5).exp());
    check("clamp_min", both_signs(), |x| x.clamp_min(-0.3).exp());
    check("clamp_max", both_signs(), |x| x.clamp_max(0.3).exp());
    check("mask_where", both_signs(), |x| {
        let mask = x.clone().greater_elem(0.5);
        x.clone().exp().mask_where(mask, x.square())
    });
    check("mask_fill", both_signs(), |x| {
        let mask = x.clone().lower_elem(-0.5).bool_or(x.clone().greater_elem(1.6));
        x.square().mask_fill(mask, 0.5)
    });
}

#[test]
fn each_rule_of_shapes_agrees() {
    check("reshape", both_signs(), |x| x.exp().reshape([4, 3]));
    check("swap_dims", both_signs(), |x| x.exp().transpose());
    check("permute", both_signs(), |x| x.exp().reshape([3, 2, 2]).permute([2, 0, 1]).reshape([2, 6]));
    check("flip", both_signs(), |x| x.exp().flip([0, 1]));
    check("expand", both_signs(), |x| x.exp().narrow(0, 1, 1).expand([3, 4]));
    check("repeat", both_signs(), |x| x.exp().repeat_dim(1, 2));
    check("slice", both_signs(), |x| x.exp().slice([0..2, 1..4]));
    check("slice by steps", both_signs(), |x| x.exp().slice(burn::tensor::s![.., 0..4;2]));
    check("slice_assign", both_signs(), |x| {
        let part = x.clone().slice([1..3, 0..2]).sin();
        x.exp().slice_assign([0..2, 1..3], part)
    });
    check("cat", both_signs(), |x| Tensor::cat(vec![x.clone().exp(), x.zeros_like(), x.sin()], 0));
    check("select", both_signs(), |x| {
        let places = Tensor::<1, Int>::from_data([2, 0, 2], &x.device());
        x.exp().select(0, places)
    });
    check("select_assign", both_signs(), |x| {
        let places = Tensor::<1, Int>::from_data([2, 0, 2], &x.device());
        x.clone().exp().select_assign(0, places, x.sin(), IndexingUpdateOp::Add)
    });
    check("gather and scatter", both_signs(), |x| {
        let places = Tensor::<2, Int>::from_data([[3, 0], [1, 1], [2, 3]], &x.device());
        let some = x.clone().exp().gather(1, places.clone());
        x.square().scatter(1, places, some, IndexingUpdateOp::Add)
    });
    check("pad", both_signs(), |x| x.exp().pad((1, 2, 0, 1), PadMode::Constant(3.0)));
    check("unfold", both_signs(), |x| x.exp().unfold::<3, _>(1, 2, 1).reshape([3, 6]));
    check("one_hot", both_signs(), |x| {
        let classes = Tensor::<2, Int>::from_data([[1, 1, 1, 1], [0, 0, 0, 0], [3, 3, 3, 3]], &x.device());
        x.clone().exp()
            * Tensor::<1, Int>::arange(0..4, &x.device()).unsqueeze::<2>().expand([3, 4]).equal(classes).float()
    });
}

#[test]
fn each_rule_of_activations_agrees() {
    check("relu", both_signs(), |x| activation::relu(x).square());
    check("leaky_relu", both_signs(), |x| activation::leaky_relu(x, 0.1).square());
    check("prelu", both_signs(), |x| {
        let slopes = x.clone().narrow(0, 0, 1).reshape([4]).square();
        activation::prelu(x, slopes)
    });
    check("gelu", both_signs(), activation::gelu);
    check("sigmoid", both_signs(), activation::sigmoid);
    check_in_single("hard_sigmoid", both_signs() * 2.0, |x| activation::hard_sigmoid(x, 0.2, 0.5).square());
    check("log_sigmoid", both_signs(), activation::log_sigmoid);
    check("softplus", both_signs(), |x| activation::softplus(x, 1.0));
    check("softmax", both_signs(), |x| activation::softmax(x, 1));
    check("log_softmax", both_signs(), |x| activation::log_softmax(x, 0));
    check("softmin", both_signs(), |x| activation::softmin(x, 1));
    check("silu", both_signs(), activation::silu);
    check("mish", both_signs(), activation::mish);
}
