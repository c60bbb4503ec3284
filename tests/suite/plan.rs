//! Plans: shapes refused by name, memory shared and predicted, nothing twice.

use hourglass::data::ElementType;
use hourglass::graph::{GraphError, Location};
use hourglass::model::{Network, RowSource, preset};

fn canonical() -> Network {
    Network::new(&preset("undercomplete").expect("a preset").spec, crate::support::digit_shape()).expect("it fits")
}

#[test]
fn the_canonical_step_takes_at_most_14_dispatches() {
    let plan = canonical()
        .training_pass(128, RowSource::Data { rows: 70_000, part_rows: 55_000, element: ElementType::Byte })
        .expect("a plan");
    assert!(plan.calls.len() <= 14, "{:#?}", plan.calls.iter().map(|call| &call.label).collect::<Vec<_>>());
}

/// The blocks together are no larger than what is alive at the worst moment, which no plan can go below.
#[test]
fn memory_is_shared_between_values_that_do_not_meet() {
    let plan = canonical()
        .training_pass(128, RowSource::Data { rows: 70_000, part_rows: 55_000, element: ElementType::Byte })
        .expect("a plan");
    // (place, written at, last read at, bytes) of each value in a block.
    let mut lives: Vec<(usize, usize, usize, usize)> = Vec::new();
    for (i, call) in plan.calls.iter().enumerate() {
        let block = |place| match place {
            Location::Block(block) => Some(block),
            Location::External(_) => None,
        };
        for view in &call.reads {
            if let Some(block) = block(view.place)
                && let Some(life) = lives.iter_mut().rev().find(|life| life.0 == block)
            {
                life.2 = i;
            }
        }
        for view in &call.writes {
            lives.extend(block(view.place).map(|block| (block, i, i, view.bytes)));
        }
    }
    let alive = |i: usize| lives.iter().filter(|life| (life.1..=life.2).contains(&i)).map(|life| life.3).sum::<usize>();
    let peak = (0..plan.calls.len()).map(alive).max().unwrap_or(0);
    let planned = plan.bytes().activations;
    assert!(planned <= peak + peak / 20, "{planned} bytes for a peak of {peak}");
    assert!(plan.blocks.len() < lives.len(), "blocks are used again");
}

/// No call writes a block while a later call still reads what is in it: replayed, every read finds its writer.
#[test]
fn every_read_finds_what_was_written_for_it() {
    let network = canonical();
    let plan = network
        .training_pass(64, RowSource::Data { rows: 500, part_rows: 400, element: ElementType::Byte })
        .expect("a plan");
    let mut contents = std::collections::HashMap::new();
    for call in &plan.calls {
        for view in &call.reads {
            if let Location::Block(block) = view.place {
                assert_eq!(contents.get(&block), Some(&view.bytes), "{} reads another value's block", call.label);
            }
        }
        for view in &call.writes {
            if let Location::Block(block) = view.place {
                assert!(plan_holds(&plan.blocks, block, view.bytes), "{}", call.label);
                contents.insert(block, view.bytes);
            }
        }
    }
}

fn plan_holds(blocks: &[usize], block: usize, bytes: usize) -> bool {
    blocks[block] >= bytes
}

#[test]
fn parameter_views_are_aligned_and_disjoint() {
    let network = canonical();
    let mut end = 0;
    for parameter in network.parameters() {
        assert!(parameter.offset.is_multiple_of(64) && parameter.offset >= end, "{}", parameter.name);
        end = parameter.offset + parameter.shape.elements();
    }
    assert_eq!(network.parameter_count(), 343_344);
}

#[test]
fn layers_that_do_not_fit_are_named() {
    use hourglass::graph::ops::Dense;
    use hourglass::graph::{Graph, Init, SharedBuffer};
    use hourglass::kernels::activation::Activation;
    let mut graph = Graph::new();
    let x = graph.external(SharedBuffer::Input, [4, 10]);
    let weight = graph.parameter("encoder.0.weight", [3, 11], Init::Constant(1.0));
    let bias = graph.parameter("encoder.0.bias", [3], Init::Constant(1.0));
    let error = graph.add(Dense { activation: Activation::Relu }, &[x, weight, bias], "encoder.0").unwrap_err();
    assert!(matches!(&error, GraphError::Shape { layer, .. } if layer.contains("encoder.0")), "{error}");
    assert!(error.to_string().contains("10") && error.to_string().contains("11"), "{error}");
}
