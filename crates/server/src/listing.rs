//! Subjects for the control plane: every shard is asked piece by piece, and the counts are added up.
use base::ShardId;
use control::{Subjects, SubjectsError};
use shard::{Answer, Command};

use crate::plane::Plane;

impl Plane {
    pub(crate) async fn list_subjects(&self, glob: String) -> Result<Subjects, SubjectsError> {
        let mut subjects = Subjects::new();
        for shard in (0..self.desk.shards()).map(ShardId) {
            let mut from = 0;
            loop {
                let command = Command::Subjects { glob: glob.as_str().into(), from };
                let answer = self.ask(shard, command).await.map(|reply| reply.answer);
                let Some(Answer::Subjects(listing)) = answer else {
                    return Err(SubjectsError::Unavailable);
                };
                for (name, count) in listing.subjects {
                    *subjects.entry(name.to_string()).or_insert(0) += u64::from(count);
                }
                if subjects.len() > SubjectsError::MOST {
                    return Err(SubjectsError::TooMany);
                }
                let Some(next) = listing.next else { break };
                from = next;
            }
        }
        Ok(subjects)
    }
}
