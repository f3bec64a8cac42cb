//! An engine's process ends, and another begins on the same store.

use doorward_core::operation::open::Open;
use doorward_core::time::Timestamp;
use doorward_ffi::dw_status;
use doorward_ffi_host::Called;

use super::engines::{Engine, engines};
use super::{Through, World};
use crate::abi::Abi;
use crate::action::Action;
use crate::answer::Answer;
use crate::violation::{Violation, ensure};

impl World {
    /// A new process opens a store that is known to it, and changes nothing, however often.
    pub(super) fn restart(&mut self, engine: usize) -> Result<(), Violation> {
        self.engines[engine].highest = Timestamp::from_millis(0);
        let new = engines(self.house, self.through, &*self.change).swap_remove(engine);
        (self.engines[engine].environment, self.engines[engine].abi) = (new.environment, None);
        self.tasks.retain(|task| task.engine != engine);
        let told = self.ask(Open::new(), engine)?;
        let (now, mark) = (self.now(engine), self.model.mark);
        let is_behind = mark.since(now) > self.model.policy.max_clock_regression();
        let expected = if is_behind { Answer::Behind } else { Answer::Opened(mark) };
        ensure(told.as_ref() == Some(&expected), expected.blame(&expected), || {
            format!("a known store was opened at {now:?} as {told:?} instead of {expected:?}")
        })?;
        if is_behind {
            self.refuse_context(engine)?;
            self.trust_clock(engine)?;
        } else {
            // As the engine does: its time begins at the mark.
            self.engines[engine].highest = mark;
        }
        self.open_context(engine)
    }

    /// The new process's context, where there is one.
    pub(super) fn open_context(&mut self, engine: usize) -> Result<(), Violation> {
        if self.through == Through::Abi {
            let opened = self.context(engine);
            let opened =
                opened.map_err(|refused| Violation::new(40, format!("no context opens: {refused:?}")))?;
            self.engines[engine].abi = Some(opened);
        }
        Ok(())
    }

    /// What its clock keeps out it keeps out of the ABI.
    fn refuse_context(&mut self, engine: usize) -> Result<(), Violation> {
        if self.through == Through::Abi {
            let refused = self.context(engine).err().map(|refused| refused.status);
            ensure(refused == Some(dw_status::DW_CLOCK), 20, || {
                format!("a context that is behind opens with {refused:?}")
            })?;
        }
        Ok(())
    }

    fn context(&mut self, engine: usize) -> Called<Abi> {
        let now = self.now(engine);
        let Engine { environment, keys, .. } = &self.engines[engine];
        Abi::open(&environment.policy, keys, &*self.store, now)
    }

    /// An engine that its clock keeps out opens on its host's word, which ends everything.
    fn trust_clock(&mut self, engine: usize) -> Result<(), Violation> {
        let label = u32::MAX - u32::try_from(self.tick).unwrap_or(0);
        self.launch(engine, label, Action::TrustClock, u64::from(label));
        self.bring_to_its_end(label)?;
        self.engines[engine].highest = self.model.mark;
        Ok(())
    }
}
