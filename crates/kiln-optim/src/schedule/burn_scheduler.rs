//! A schedule for Burn's own learner.

use burn::optim::{
    LearningRate,
    lr_scheduler::{LrScheduler, LrSchedulerRecord},
};

use super::Schedule;

/// A [`Schedule`] that counts its steps, as a Burn [`LrScheduler`].
///
/// # Example
///
/// ```
/// use burn::optim::lr_scheduler::LrScheduler;
/// use kiln_optim::{Schedule, schedule::ScheduledLr};
///
/// let mut scheduler = ScheduledLr::from(Schedule::linear(0.1, 10)?);
/// assert_eq!(scheduler.step(), 0.1);
/// # Ok::<(), kiln_optim::ScheduleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ScheduledLr {
    schedule: Schedule,
    step: u64,
}

impl From<Schedule> for ScheduledLr {
    fn from(schedule: Schedule) -> Self {
        Self { schedule, step: 0 }
    }
}

impl LrScheduler for ScheduledLr {
    fn step(&mut self) -> LearningRate {
        let value = self.schedule.at(self.step);
        self.step += 1;
        value
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar(STEP, self.step)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(step) = record.scalar(STEP) {
            self.step = step;
        }
    }
}

const STEP: &str = "step";
