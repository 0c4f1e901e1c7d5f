//! The values of Arrow's arrays.

use arrow_array::{
    Array, ArrowPrimitiveType,
    cast::AsArray,
    types::{
        Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float16Type, Float32Type, Float64Type,
        Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, TimeUnit};

use super::super::typed::{Content, TypedColumn, Value};

/// Returns what the values of a type are, if Kiln reads them, and whether they are categories.
pub(super) fn content(data_type: &DataType) -> Option<(Content, bool)> {
    use DataType::{
        Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Dictionary, Float16, Float32, Float64, Int8, Int16,
        Int32, Int64, LargeUtf8, Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    let content = match data_type {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float16 | Float32 | Float64 => {
            Content::Numbers
        }
        Decimal32(_, scale) | Decimal64(_, scale) | Decimal128(_, scale) => Content::Decimal((*scale).into()),
        Boolean => Content::Truth,
        Utf8 | LargeUtf8 | Utf8View => Content::Text,
        Date32 => Content::Days,
        Date64 => Content::Instants(1_000),
        Timestamp(unit, _) => Content::Instants(match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        }),
        Dictionary(_, values) => match content(values)? {
            (content @ (Content::Numbers | Content::Text | Content::Truth), false) => return Some((content, true)),
            _ => return None,
        },
        _ => return None,
    };
    Some((content, false))
}

/// Adds the values of an array to a column. Returns `None` if they are of another type than the column's.
pub(super) fn push(column: &mut TypedColumn, array: &dyn Array) -> Option<()> {
    let Some(dictionary) = array.as_any_dictionary_opt() else { return each(array, |value| column.push(value)) };
    let mut codes = Vec::with_capacity(dictionary.values().len());
    each(dictionary.values(), |value| codes.push(column.level(value)))?;
    // Without values every key is missing, and the keys below would not exist.
    let keys = if codes.is_empty() { vec![0; array.len()] } else { dictionary.normalized_keys() };
    for (row, key) in keys.into_iter().enumerate() {
        let code = if dictionary.keys().is_null(row) { None } else { codes.get(key).copied() };
        column.push_code(code);
    }
    Some(())
}

fn each(array: &dyn Array, mut push: impl FnMut(Option<Value<'_>>)) -> Option<()> {
    match array.data_type() {
        DataType::Int8 => whole::<Int8Type>(array, push),
        DataType::Int16 => whole::<Int16Type>(array, push),
        DataType::Int32 => whole::<Int32Type>(array, push),
        DataType::Int64 => whole::<Int64Type>(array, push),
        DataType::UInt8 => whole::<UInt8Type>(array, push),
        DataType::UInt16 => whole::<UInt16Type>(array, push),
        DataType::UInt32 => whole::<UInt32Type>(array, push),
        DataType::UInt64 => whole::<UInt64Type>(array, push),
        DataType::Decimal32(..) => whole::<Decimal32Type>(array, push),
        DataType::Decimal64(..) => whole::<Decimal64Type>(array, push),
        DataType::Decimal128(..) => whole::<Decimal128Type>(array, push),
        DataType::Date32 => whole::<Date32Type>(array, push),
        DataType::Date64 => whole::<Date64Type>(array, push),
        DataType::Timestamp(TimeUnit::Second, _) => whole::<TimestampSecondType>(array, push),
        DataType::Timestamp(TimeUnit::Millisecond, _) => whole::<TimestampMillisecondType>(array, push),
        DataType::Timestamp(TimeUnit::Microsecond, _) => whole::<TimestampMicrosecondType>(array, push),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => whole::<TimestampNanosecondType>(array, push),
        DataType::Float16 => number::<Float16Type>(array, push),
        DataType::Float32 => number::<Float32Type>(array, push),
        DataType::Float64 => number::<Float64Type>(array, push),
        DataType::Boolean => {
            array.as_boolean_opt()?.iter().for_each(|value| push(value.map(Value::Truth)));
            Some(())
        }
        DataType::Utf8 => {
            array.as_string_opt::<i32>()?.iter().for_each(|value| push(value.map(Value::Text)));
            Some(())
        }
        DataType::LargeUtf8 => {
            array.as_string_opt::<i64>()?.iter().for_each(|value| push(value.map(Value::Text)));
            Some(())
        }
        DataType::Utf8View => {
            array.as_string_view_opt()?.iter().for_each(|value| push(value.map(Value::Text)));
            Some(())
        }
        _ => None,
    }
}

fn whole<T>(array: &dyn Array, mut push: impl FnMut(Option<Value<'_>>)) -> Option<()>
where
    T: ArrowPrimitiveType<Native: Into<i128>>,
{
    array.as_primitive_opt::<T>()?.iter().for_each(|value| push(value.map(|value| Value::Whole(value.into()))));
    Some(())
}

fn number<T>(array: &dyn Array, mut push: impl FnMut(Option<Value<'_>>)) -> Option<()>
where
    T: ArrowPrimitiveType<Native: Into<f64>>,
{
    array.as_primitive_opt::<T>()?.iter().for_each(|value| push(value.map(|value| Value::Number(value.into()))));
    Some(())
}
