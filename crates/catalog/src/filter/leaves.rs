//! What conditions are made of: stored columns, and times that follow from them.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal64Type, Decimal128Type, TimestampNanosecondType};
use arrow_schema::{DataType, TimeUnit};
use bars::expr::{self, Expr, Fault, FaultKind, Node, Part, Type, Value, Zone, part_of_date, part_of_day};
use bars::{Decimal, HOUR, UnixNanos};

use super::compute::{Bars, Computed, Failure, Rows};
use super::numbers::Numbers;
use super::stored_position;
use crate::decode::{TickConverter, column, decimals, stamps};
use crate::schema::BAR_COLUMNS;

impl<'a> Bars<'a> {
    /// A stored column of prices or volumes.
    pub fn values(&self, name: &str, rows: Rows, narrow: bool) -> Computed<Numbers<'a>> {
        let array = column(self.batch, name)?;
        let precision =
            if name == BAR_COLUMNS[4] { self.layout.size_precision } else { self.layout.price_precision };
        let wide = match array.data_type() {
            DataType::Decimal64(_, scale) if (0..=16).contains(scale) => {
                let ticks: &'a [i64] = array.as_primitive::<Decimal64Type>().values();
                return Ok(Numbers::Narrow(rows.pick(Cow::Borrowed(ticks)), *scale as u8));
            }
            DataType::Decimal128(_, 16) => {
                let units: &'a [i128] = array.as_primitive::<Decimal128Type>().values();
                rows.pick(Cow::Borrowed(units))
            }
            _ => {
                let values = decimals(array, self.layout, precision, name)?;
                rows.pick(Cow::Owned(values.into_iter().map(Decimal::units).collect()))
            }
        };
        if narrow {
            let convert = TickConverter::new(precision);
            let ticks: Option<Vec<i64>> = wide.iter().map(|units| convert.to_ticks(*units)).collect();
            if let Some(ticks) = ticks {
                return Ok(Numbers::Narrow(ticks.into(), precision));
            }
        }
        Ok(Numbers::Wide(wide, Decimal::SCALE))
    }

    /// Times and local times in nanoseconds since 1970, dates in days since then, times of day in nanoseconds since midnight.
    pub fn moments(&self, expr: &Expr, rows: Rows) -> Computed<Cow<'a, [i64]>> {
        Ok(match &expr.node {
            Node::Constant(value) => vec![constant_moment(value); rows.len()].into(),
            Node::Name(name, _) => rows.pick(self.stamps(BAR_COLUMNS[stored_position(*name)])?),
            Node::Date(inner) => {
                let instants = self.moments(inner, rows)?;
                instants.iter().map(|instant| i64::from(expr::split(UnixNanos(*instant)).0)).collect()
            }
            Node::TimeOfDay(inner) => {
                let instants = self.moments(inner, rows)?;
                instants.iter().map(|instant| expr::split(UnixNanos(*instant)).1).collect()
            }
            Node::Local(zone, inner) => {
                let instants = self.moments(inner, rows)?;
                let mut clock = Clock { zone: *zone, hour: None };
                let unknown = Fault { kind: FaultKind::UnknownLocalTime, span: expr.span };
                let local = instants.iter().enumerate().map(|(at, instant)| {
                    clock.shows(*instant).ok_or_else(|| Failure::Row(rows.row(at), unknown))
                });
                local.collect::<Computed<Vec<i64>>>()?.into()
            }
            Node::Case(branches, otherwise) => {
                let mut out = vec![0; rows.len()];
                for share in self.shares(branches, otherwise, rows)? {
                    let moments = self.moments(share.expr, Rows::Picked(&share.rows))?;
                    share.places.iter().zip(moments.iter()).for_each(|(at, moment)| out[*at] = *moment);
                }
                out.into()
            }
            // The scope has no functions of its own.
            _ => vec![0; rows.len()].into(),
        })
    }

    fn stamps(&self, name: &str) -> Computed<Cow<'a, [i64]>> {
        let array = column(self.batch, name)?;
        Ok(match array.data_type() {
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                let values: &'a [i64] = array.as_primitive::<TimestampNanosecondType>().values();
                Cow::Borrowed(values)
            }
            _ => stamps(self.batch, name)?.into(),
        })
    }

    pub fn part(&self, part: Part, inner: &Expr, rows: Rows) -> Computed<Vec<i64>> {
        let moments = self.moments(inner, rows)?;
        let split = |moment: i64| match inner.ty {
            Type::Date => (moment as i32, 0),
            Type::TimeOfDay => (0, moment),
            _ => expr::split(UnixNanos(moment)),
        };
        if part.is_of_day() {
            return Ok(moments.iter().map(|moment| part_of_day(part, split(*moment).1)).collect());
        }
        // Neighbours mostly lie in one day.
        let mut last = None;
        let of_date = |moment: &i64| {
            let day = split(*moment).0;
            match last {
                Some((known, value)) if known == day => value,
                _ => {
                    let value = part_of_date(part, day);
                    last = Some((day, value));
                    value
                }
            }
        };
        Ok(moments.iter().map(of_date).collect())
    }
}

fn constant_moment(value: &Value) -> i64 {
    match value {
        Value::Time(instant) | Value::LocalTime(instant) => instant.0,
        Value::Date(days) => i64::from(*days),
        Value::TimeOfDay(nanos) => *nanos,
        _ => 0,
    }
}

/// A zone's clock that remembers how far it was off within the hour, since it is only set on the hour.
struct Clock {
    zone: Zone,
    hour: Option<(i64, i64)>,
}

impl Clock {
    fn shows(&mut self, instant: i64) -> Option<i64> {
        let hour = instant.div_euclid(HOUR);
        let off = match self.hour {
            Some((known, off)) if known == hour => off,
            _ => {
                let off = expr::local(self.zone, UnixNanos(instant))?.0 - instant;
                self.hour = Some((hour, off));
                off
            }
        };
        Some(instant.saturating_add(off))
    }
}
