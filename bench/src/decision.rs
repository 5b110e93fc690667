//! The permission decision: flat in the number of entity permissions.

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use grantry_authz::{Permissions, decide};
use grantry_model::ids::{AppId, DataSourceId};
use grantry_model::permission::{Action, Entity};

use crate::figure::Figure;

/// Entities that the principal was given, half of them apps.
const MANY: usize = 1_000;
const FEW: usize = 10;
/// Decisions that are timed together, and how often; the median counts.
const DECISIONS: usize = 100_000;
const TURNS: usize = 21;

/// Nanoseconds a decision, for a principal with many entities beside one with few.
pub fn figures() -> Result<Vec<Figure>> {
    Ok(vec![Figure {
        name: "permission_decision_ns",
        value: nanoseconds(MANY)?,
        unit: "ns",
        baseline: Some(("with 10 entities", nanoseconds(FEW)?)),
    }])
}

/// As long as the ids of a real installation.
fn entity(number: usize) -> Result<Entity> {
    let id = format!("01a201a4-7f2d-75d3-acd0-{number:012}");
    Ok(match number % 2 {
        0 => Entity::App(AppId::parse(&id)?),
        _ => Entity::DataSource(DataSourceId::parse(&id)?),
    })
}

fn nanoseconds(entities: usize) -> Result<f64> {
    let held: HashSet<Entity> = (0..entities).map(entity).collect::<Result<_>>()?;
    let permissions = Permissions { entities: Arc::new(held), ..Permissions::default() };
    // Every second question is about an entity that the principal does not hold.
    let asked: Vec<Entity> = (0..entities * 2).map(entity).collect::<Result<_>>()?;
    let mut times = Vec::with_capacity(TURNS);
    for _ in 0..TURNS {
        let began = Instant::now();
        for (entity, action) in asked.iter().cycle().zip(Action::ALL.iter().cycle()).take(DECISIONS)
        {
            black_box(decide(black_box(&permissions), *action, black_box(entity)));
        }
        times.push(began.elapsed().as_secs_f64() * 1e9 / DECISIONS as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TURNS / 2])
}
