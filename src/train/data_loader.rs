//! Loading of data that is not all on the device: in shards, prepared by a thread while steps go on.
//!
//! A shard holds whole batches in the order in which steps visit them, which is the order of data that is all there:
//! where the data lies changes no bit of a run.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::TrainError;
use crate::data::{DataError, DataSet};
use crate::device::Device;
use crate::graph::{GraphError, SharedBuffer, SharedBuffers};
use crate::platform::{Instant, Task};
use crate::random::{permutation_keys, permute, stream};

/// Bytes of a shard unless the spec limits them: some milliseconds of copying, and many steps.
const SHARD_BYTES: usize = 32 << 20;

/// Placement of the rows of a data set for a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataPlacement {
    /// All rows on the device.
    Whole,
    /// Two shards of `rows` rows each, then a batch of evaluation.
    Shards { rows: usize },
}

impl DataPlacement {
    /// Returns the placement: whole if the device has room for the data and it does not change, else in shards.
    pub fn choose(data: &DataSet, device: &Device, batch: usize) -> Self {
        let given = data.options.device_megabytes.map(|megabytes| megabytes << 20);
        let room = given.unwrap_or(usize::MAX).min(device.max_binding_bytes());
        if data.resident().is_some() && data.bytes() <= room {
            return Self::Whole;
        }
        let shard = given.map_or(SHARD_BYTES, |given| given / 2).min(device.max_binding_bytes() / 4);
        let steps = (shard / (batch * data.stride())).clamp(1, (data.train.len() / batch).max(1));
        Self::Shards { rows: steps * batch }
    }

    /// Rows of the device's buffer.
    pub fn buffer_rows(self, data: &DataSet, evaluation_batch: usize) -> usize {
        match self {
            Self::Whole => data.rows,
            Self::Shards { rows } => 2 * rows + evaluation_batch,
        }
    }

    /// Uploads `data` and the classes of its rows: everything if placed whole, nothing yet if in shards.
    pub fn fill(
        self,
        data: &DataSet,
        classes: usize,
        device: &Device,
        externals: &SharedBuffers,
    ) -> Result<(), TrainError> {
        if self != Self::Whole {
            return Ok(());
        }
        externals.write(device, SharedBuffer::Data, data.resident().unwrap_or_default())?;
        if classes > 0 {
            externals.write(device, SharedBuffer::Classes, &data.one_hot(0..data.rows, classes))?;
        }
        Ok(())
    }

    /// Loads rows of evaluation onto the device; returns the index of the first there.
    pub fn load(
        self,
        data: &DataSet,
        rows: Range<usize>,
        classes: usize,
        device: &Device,
        externals: &SharedBuffers,
    ) -> Result<usize, TrainError> {
        let Self::Shards { rows: shard } = self else { return Ok(rows.start) };
        let first = 2 * shard;
        let wanted: Vec<usize> = rows.collect();
        place(externals, device, data, first, classes, &Shard::read(data, &wanted, crate::data::FIXED, classes)?)?;
        Ok(first)
    }
}

/// Writes a shard from row `first` of the device's buffers on.
fn place(
    externals: &SharedBuffers,
    device: &Device,
    data: &DataSet,
    first: usize,
    classes: usize,
    shard: &Shard,
) -> Result<(), GraphError> {
    externals.write_at(device, SharedBuffer::Data, first * data.stride(), &shard.bytes)?;
    if classes > 0 {
        externals.write_at(device, SharedBuffer::Classes, first * classes.next_multiple_of(4), &shard.one_hot)?;
    }
    Ok(())
}

#[derive(Debug)]
struct Shard {
    bytes: Vec<u8>,
    one_hot: Vec<u8>,
}

impl Shard {
    fn read(data: &DataSet, rows: &[usize], epoch: u32, classes: usize) -> Result<Self, DataError> {
        let one_hot = if classes > 0 { data.one_hot(rows.iter().copied(), classes) } else { Vec::new() };
        Ok(Self { bytes: data.read(rows, epoch)?, one_hot })
    }
}

/// Order in which steps see the rows.
#[derive(Clone, Debug)]
struct EpochOrder {
    data: Arc<DataSet>,
    seed: u64,
    batch: usize,
    steps_per_epoch: u64,
    shard_steps: u64,
    classes: usize,
}

impl EpochOrder {
    /// Returns the steps from `step` on that a shard holds; none reaches into the next epoch.
    fn steps(&self, step: u64) -> Range<u64> {
        let left = self.steps_per_epoch - step % self.steps_per_epoch;
        step..step + self.shard_steps.min(left)
    }

    fn shard(&self, steps: &Range<u64>) -> Result<Shard, DataError> {
        let epoch = (steps.start / self.steps_per_epoch) as u32;
        let keys = permutation_keys(self.seed, epoch, stream::PERMUTATION);
        let train = &self.data.train;
        let count = train.len() as u32;
        let within = |step: u64| (step - u64::from(epoch) * self.steps_per_epoch) as usize * self.batch;
        let places = within(steps.start)..within(steps.end);
        let rows: Vec<usize> = places.map(|place| train.start + permute(place as u32, count, keys) as usize).collect();
        Shard::read(&self.data, &rows, epoch, self.classes)
    }
}

/// A shard that is read ahead, on a thread of its own.
#[derive(Debug)]
struct ShardReader {
    steps: Range<u64>,
    task: Task<(), Result<Shard, DataError>>,
}

impl ShardReader {
    /// Starts to read the steps from `step` on.
    fn start(order: &EpochOrder, step: u64) -> Result<Self, DataError> {
        let steps = order.steps(step);
        let (order, wanted) = (order.clone(), steps.clone());
        let read = move |_: &mut dyn FnMut(()) -> _| order.shard(&wanted);
        let task = Task::start("hourglass-feed", || {}, read)
            .map_err(|problem| DataError::Malformed { place: "the data".to_owned(), problem })?;
        Ok(Self { steps, task })
    }
}

/// Brings shards to the device in step with training.
#[derive(Debug)]
pub(super) struct DataLoader {
    order: EpochOrder,
    shard_rows: usize,
    /// The next shard, read while another is in use.
    ahead: Option<ShardReader>,
    /// Steps of the shard in use, and the half of the buffer that holds it.
    current: Range<u64>,
    half: usize,
    waited: Duration,
}

impl DataLoader {
    pub fn new(data: &Arc<DataSet>, seed: u64, batch: usize, shard_rows: usize, classes: usize) -> Self {
        let order = EpochOrder {
            data: Arc::clone(data),
            seed,
            batch,
            steps_per_epoch: (data.train.len() / batch).max(1) as u64,
            shard_steps: (shard_rows / batch) as u64,
            classes,
        };
        Self { order, shard_rows, ahead: None, current: 0..0, half: 1, waited: Duration::ZERO }
    }

    /// Loads the rows of `step` onto the device; returns the number of steps from it on whose rows are there.
    pub fn prepare_step(&mut self, step: u64, device: &Device, externals: &SharedBuffers) -> Result<u64, TrainError> {
        if !self.current.contains(&step) {
            let started = Instant::now();
            // Training that goes on from elsewhere has no use for what was read ahead.
            let reader = match self.ahead.take().filter(|reader| reader.steps.start == step) {
                Some(reader) => reader,
                None => ShardReader::start(&self.order, step)?,
            };
            let lost = || GraphError::Plan("the thread that reads the data ended".to_owned());
            let steps = reader.steps;
            let shard = reader.task.finish().ok_or_else(lost)??;
            self.waited += started.elapsed();
            self.ahead = Some(ShardReader::start(&self.order, steps.end)?);
            self.half = 1 - self.half;
            place(externals, device, &self.order.data, self.half * self.shard_rows, self.order.classes, &shard)?;
            self.current = steps;
        }
        Ok(self.current.end - step)
    }

    /// Row of the device's buffer where the batch of `step` begins.
    pub fn first_row(&self, step: u64) -> usize {
        self.half * self.shard_rows + (step - self.current.start) as usize * self.order.batch
    }

    /// Time that steps have waited for rows.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}
