//! What the runs of a sweep say together: the best, its neighbours, edges, heat maps.

use serde::{Deserialize, Serialize};

use super::{Axis, SweepRun};
use crate::Objective;

/// The run with the best value of an objective; of equal ones the first. Runs where it is undefined or that were ruined are passed
/// over.
pub fn best(runs: &[SweepRun], objective: Objective) -> Option<&SweepRun> {
    let mut best: Option<(&SweepRun, f64)> = None;
    for run in runs {
        if let Some(value) = value(run, objective)
            && best.is_none_or(|(_, known)| value > known)
        {
            best = Some((run, value));
        }
    }
    best.map(|(run, _)| run)
}

fn value(run: &SweepRun, objective: Objective) -> Option<f64> {
    let score = run.score.as_ref().ok().filter(|score| !score.ruined)?;
    objective.of(score)
}

/// The parameters of a run that lie at the first or last of several values: beyond them the objective may rise further.
pub fn at_edge<'a>(axes: &'a [Axis], run: &SweepRun) -> Vec<&'a str> {
    let edge = |(axis, value): &(&Axis, &f64)| {
        axis.values.len() > 2 && axis.place(**value).is_some_and(|at| at == 0 || at + 1 == axis.values.len())
    };
    axes.iter().zip(&run.values).filter(edge).map(|(axis, _)| axis.param.as_str()).collect()
}

/// A run beside those one step away in one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbourhood {
    /// The run's number.
    pub run: u64,
    /// Its own value.
    pub own: f64,
    /// Neighbours with a value.
    pub neighbours: u32,
    /// The mean of their values; its own if there are none.
    pub mean: f64,
    /// The worst of their values; its own if there are none.
    pub worst: f64,
}

/// Every run of a grid with a value of the objective, beside its neighbours.
///
/// A best run whose neighbours are much worse was found by chance: prefer one with a high mean.
pub fn neighbourhoods(axes: &[Axis], runs: &[SweepRun], objective: Objective) -> Vec<Neighbourhood> {
    let place = |run: &SweepRun| {
        let places = axes.iter().zip(&run.values).map(|(axis, value)| axis.place(*value));
        places.collect::<Option<Vec<usize>>>()
    };
    let known: std::collections::HashMap<Vec<usize>, f64> =
        runs.iter().filter_map(|run| Some((place(run)?, value(run, objective)?))).collect();
    let beside = |places: &[usize]| {
        let mut values = Vec::new();
        for axis in 0..places.len() {
            for step in [usize::MAX, 1] {
                let mut other = places.to_vec();
                other[axis] = other[axis].wrapping_add(step);
                values.extend(known.get(&other).copied());
            }
        }
        values
    };
    let neighbourhood = |run: &SweepRun| {
        let own = value(run, objective)?;
        let values = beside(&place(run)?);
        let count = values.len() as f64;
        let mean = if values.is_empty() { own } else { values.iter().sum::<f64>() / count };
        let worst = values.iter().copied().reduce(f64::min).unwrap_or(own);
        Some(Neighbourhood { run: run.run, own, neighbours: values.len() as u32, mean, worst })
    };
    runs.iter().filter_map(neighbourhood).collect()
}

/// A cell of a heat map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Value of the first parameter.
    pub x: f64,
    /// Value of the second.
    pub y: f64,
    /// The best value of the objective over all other parameters; `None` if no run of the cell has one.
    pub value: Option<f64>,
}

/// The objective over two parameters, by their places among the axes; row by row, the first parameter running fastest.
///
/// Empty if one of them is not there.
pub fn heat_map(axes: &[Axis], runs: &[SweepRun], x: usize, y: usize, objective: Objective) -> Vec<Cell> {
    let (Some(columns), Some(rows)) = (axes.get(x), axes.get(y)) else { return Vec::new() };
    let mut cells: Vec<Cell> = rows
        .values
        .iter()
        .flat_map(|&y| columns.values.iter().map(move |&x| Cell { x, y, value: None }))
        .collect();
    for run in runs {
        let place = columns.place(run.values[x]).zip(rows.place(run.values[y]));
        if let (Some((column, row)), Some(value)) = (place, value(run, objective)) {
            let cell = &mut cells[row * columns.values.len() + column];
            cell.value = Some(cell.value.map_or(value, |known| known.max(value)));
        }
    }
    cells
}
