//! Amounts are as fine as their currency is: there is no half yen. Prices of lines are not meant: they may be finer, their sums are not.

use crate::kernel::Currency;
use rust_decimal::Decimal;

/// What is wrong with an amount that its currency cannot count.
pub fn too_fine(currency: &str, amount: Option<Decimal>) -> Option<String> {
    let currency: Currency = currency.parse().ok()?;
    let digits = currency.digits();
    let is_finer = amount?.normalize().scale() > digits;
    is_finer.then(|| match digits {
        0 => format!("has decimals, which {} does not have", currency.code()),
        1 => format!("has more than one decimal, which is all that {} has", currency.code()),
        n => format!("has more than {n} decimals, which is all that {} has", currency.code()),
    })
}
