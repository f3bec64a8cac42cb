//! Each of our operations, and the raw part that it cannot do without, for `cargo bench`: with criterion's statistics, and its
//! comparison with the run before. Ratios from one run by turns are what `bin limits` and `benches/RESULTS.md` have.
//!
//! ```text
//! cargo bench -p doorward-benches [-- PART]
//! ```
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on stops")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use doorward_benches::limits::ALL;

fn limits(criterion: &mut Criterion) {
    for limit in ALL {
        let mut duel = limit.duel().unwrap();
        let mut group = criterion.benchmark_group(limit.what);
        for contender in [&mut duel.ours, &mut duel.theirs] {
            let name = BenchmarkId::from_parameter(contender.name);
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|times| contender.took(usize::try_from(times).unwrap()).unwrap());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, limits);
criterion_main!(benches);
