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

#[test]
fn each_rule_of_products_and_choices_agrees() {
    check("remainder of tensors", both_signs(), |x| x.clone().remainder(x.clone().square() + 0.3) * x);
    check("prod", both_signs(), |x| x.prod().unsqueeze());
    check("prod_dim", both_signs(), |x| x.clone().prod_dim(1) * x.prod_dim(0));
    check("cumprod", both_signs(), |x| x.cumprod(1));
    check("cummax", both_signs(), |x| x.cummax(1).square());
    check("cummin", both_signs(), |x| x.cummin(0).exp());
    check("max_abs_dim", both_signs(), |x| x.max_abs_dim(1).square());
    check("max_abs", both_signs(), |x| x.max_abs().square().unsqueeze());
    check("topk", both_signs(), |x| x.topk(2, 1).exp());
    check("topk with places", both_signs(), |x| {
        let (y, places) = x.clone().square().topk_with_indices(2, 0);
        y * x.gather(0, places)
    });
    check("argtopk", both_signs(), |x| x.clone().square().gather(1, x.argtopk(3, 1)));
    check("sort with places", both_signs(), |x| {
        let (y, places) = x.clone().square().sort_with_indices(1);
        y * x.gather(1, places)
    });
    check("powi by tensor", both_signs(), |x| {
        let n = Tensor::<2>::from_data([[1.0, 2.0, 3.0, 2.0], [3.0, 2.0, 1.0, 1.0], [2.0, 2.0, 3.0, 3.0]], &x.device());
        x.powi(n)
    });
    check("round, ceil and trunc", both_signs(), |x| {
        x.clone().round() * x.clone().ceil() * x.clone().trunc() * x.square()
    });
    check("cross", both_signs(), |x| x.clone().cross(x.exp(), 0));
}

/// A 0 among the factors: the product of the others is the derivative.
#[test]
fn products_with_a_zero_have_derivatives() {
    let device = f64_device();
    let x = Tensor::<1>::from_data([2.0, 0.0, 3.0, -1.0], &device);
    let product = Function::of_vector(x.clone(), |x: Tensor<1>| x.prod());
    let v = Tensor::<1>::from_data([1.0, 0.5, -1.0, 2.0], &device);
    // ∂²/∂x₁∂xⱼ is the product of the other two, and all other second derivatives have the factor 0.
    let hvp = values(product.hvp(&x, &v).unwrap());
    // Row 1: 1·(3·−1) + −1·(2·−1) + 2·(2·3); the other rows: ½ times the product of the two that are not in it.
    assert_close(&hvp, &[-1.5, 11.0, -1.0, 3.0], 1e-14, 0.0, "H·v of a product");
    let running = Function::of_vector(x.clone(), |x: Tensor<1>| x.cumprod(0).sum());
    let differences = values(running.hvp_by_differences(&x, &v).unwrap().value);
    assert_close(&values(running.hvp(&x, &v).unwrap()), &differences, 1e-7, 1e-7, "H·v of running products");
    let power = Function::of_vector(x.clone(), |x: Tensor<1>| {
        let base = x.clone().slice(1..2);
        base.powf(x.slice(0..1)).sum()
    });
    assert!(values(power.jvp(&x, &v).unwrap().1)[0].abs() == 0.0, "the derivative of 0² by both");
}

#[test]
fn each_rule_of_updates_agrees() {
    use IndexingUpdateOp::{Add, Assign, Max, Min, Mul};
    for update in [Add, Assign, Mul, Min, Max] {
        check(&format!("scatter, {update:?}"), both_signs(), move |x| {
            let places = Tensor::<2, Int>::from_data([[3, 0], [1, 2], [2, 3]], &x.device());
            let some = x.clone().exp().gather(1, places.clone()) - 1.6;
            x.square().scatter(1, places, some, update)
        });
        check(&format!("select_assign, {update:?}"), both_signs(), move |x| {
            let places = Tensor::<1, Int>::from_data([2, 0], &x.device());
            x.clone().square().select_assign(0, places, x.sin().slice(0..2), update)
        });
        check(&format!("scatter_nd, {update:?}"), both_signs(), move |x| {
            let places = Tensor::<2, Int>::from_data([[2, 1], [0, 3], [1, 0]], &x.device());
            let some = x.clone().cos().slice([0..1, 0..3]).reshape([3]);
            x.square().scatter_nd(places, some, update)
        });
    }
    check("scatter twice, Add", both_signs(), |x| {
        let places = Tensor::<2, Int>::from_data([[3, 3], [1, 1], [2, 2]], &x.device());
        x.clone().square().scatter(1, places, x.exp().slice([0..3, 0..2]), Add)
    });
    check("gather_nd", both_signs(), |x| {
        let places = Tensor::<2, Int>::from_data([[2, 1], [0, 3], [2, 1]], &x.device());
        x.exp().gather_nd::<2, 1>(places).unsqueeze()
    });
}

/// Numbers that a function makes of integers: none of these has a derivative, and each has a value.
#[test]
fn integers_are_computed_as_the_function_does() {
    check("whole numbers", both_signs(), |x| {
        let n = Tensor::<2, Int>::from_data([[5, 2, 7, 1], [3, 8, 4, 6], [9, 3, 2, 8]], &x.device());
        let (sorted, order) = n.clone().sort_with_indices(1);
        let (top, at) = n.clone().topk_with_indices(2, 1);
        let (most, _) = n.clone().max_dim_with_indices(1);
        let (least, _) = n.clone().min_dim_with_indices(0);
        let m = || n.clone();
        // Places may have another integer type than the numbers, so floats are added.
        let numbers = [
            sorted,
            order,
            m().clamp(2, 6),
            m().clamp_min(4),
            m().clamp_max(5),
            m().cumsum(1),
            m().cumprod(0),
            m().cummax(1),
            m().cummin(1),
            m().argsort(1),
            m().sort(0),
            (m() - 5).sign(),
            m().powi_scalar(2),
            m().bitwise_and_scalar(6),
            m().bitwise_or_scalar(1),
            m().bitwise_xor_scalar(3),
            m().bitwise_left_shift_scalar(1),
            m().bitwise_right_shift_scalar(1),
            m().bitwise_and(m().flip([0])),
            m().bitwise_or(m().flip([1])),
            m().bitwise_xor(m().flip([0])),
            m().bitwise_not(),
            m().matmul(m().transpose()).matmul(m()),
        ];
        let columns = [
            m().prod_dim(1),
            m().mean_dim(1),
            most,
            m().argmax(1),
            top.sum_dim(1),
            at.sum_dim(1),
            m().argtopk(3, 1).sum_dim(1),
            m().max_dim(1),
            m().min_dim(1),
            m().max_abs_dim(1),
            m().greater_elem(7).any_dim(1).int(),
            m().all_dim(1).int(),
        ];
        let rows = [least, m().argmin(0), m().topk(2, 0).sum_dim(0), m().mean_dim(0)];
        let whole =
            [m().prod(), m().mean(), m().max_abs(), m().any().int(), m().all().int(), m().sum(), m().max(), m().min()];
        let all = numbers.into_iter().chain(columns.into_iter().map(|y| y.expand([3, 4])));
        let all = all.chain(rows.into_iter().map(|y| y.expand([3, 4]))).map(|y| y.float());
        let all = all.chain(whole.into_iter().map(|y| y.float().unsqueeze::<2>().expand([3, 4])));
        let sums = all.reduce(|a, b| a * 0.9 + b).unwrap();
        x.square() * sums * 1e-3
    });
}

/// Two values for one place. Burn's own gradients are wrong there, so the derivative is compared with differences of values.
#[test]
fn updates_of_one_place_by_two_values_have_derivatives() {
    let device = f64_device();
    for update in [IndexingUpdateOp::Mul, IndexingUpdateOp::Min, IndexingUpdateOp::Max] {
        let f = Function::of_vector(both_signs().reshape([12]), move |x: Tensor<1>| {
            let x = x.reshape([3, 4]);
            let places = Tensor::<2, Int>::from_data([[3, 3], [1, 1], [2, 2]], &x.device());
            x.clone().square().scatter(1, places, x.exp().slice([0..3, 0..2]), update).square().sum()
        });
        let (w, v) = (f.parameters(), normals(12, &device));
        let at = |t: f64| values(f.value_and_grad(&(w.clone() + v.clone() * t)).unwrap().0)[0];
        const H: f64 = 1e-5;
        // An error of h² times the third derivative.
        let difference = (at(H) - at(-H)) / (2.0 * H);
        let derivative = values(f.jvp(&w, &v).unwrap().1);
        assert_close(&derivative, &[difference], 1e-7, 0.0, &format!("{update:?}"));
    }
}
