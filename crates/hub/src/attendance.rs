//! Attendance: how many clients, of how many users, are subscribed to the subjects that this core owns, wherever they are; and
//! how often it may be told that they come and go.
//!
//! Users are told apart by their names' hashes under the server's key. Ordered maps: one row a subject and one a user in it,
//! and none of them is ever moved because there are many.
use alloc::collections::BTreeMap;

use base::Instant;

use crate::Hub;

/// How many are present.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Headcount {
    /// Clients.
    pub clients: u32,
    /// Users that they belong to; all clients without a user are one.
    pub users: u32,
}

/// Who is present in the subjects of a core. Subjects by their rows.
#[derive(Debug, Default)]
pub(crate) struct Attendance {
    crowds: BTreeMap<u32, Headcount>,
    /// Clients by subject and user.
    users: BTreeMap<(u32, u64), u32>,
    /// Subjects whose comings and goings were told of: in which second last, and how often in it.
    told: BTreeMap<u32, (u64, u32)>,
}

impl Attendance {
    /// True if the subject's row must stay.
    pub(crate) fn holds(&self, row: u32) -> bool {
        !self.crowds.is_empty() && self.crowds.contains_key(&row)
    }

    /// The subject's row goes.
    pub(crate) fn forget(&mut self, row: u32) {
        if !self.told.is_empty() {
            self.told.remove(&row);
        }
    }
}

impl Hub {
    /// A client of `user` is present in a subject that this core owns.
    pub fn attend(&mut self, row: u32, user: u64) {
        let of_user = self.attendance.users.entry((row, user)).or_default();
        *of_user += 1;
        let crowd = self.attendance.crowds.entry(row).or_default();
        crowd.clients += 1;
        crowd.users += u32::from(*of_user == 1);
    }

    /// A client of `user` is there no more. The row may then be released.
    pub fn depart(&mut self, row: u32, user: u64) {
        let attendance = &mut self.attendance;
        let (Some(crowd), Some(of_user)) = (attendance.crowds.get_mut(&row), attendance.users.get_mut(&(row, user)))
        else {
            debug_assert!(false, "who was not there can't go");
            return;
        };
        crowd.clients -= 1;
        *of_user -= 1;
        if *of_user == 0 {
            crowd.users -= 1;
            attendance.users.remove(&(row, user));
        }
        if crowd.clients == 0 {
            attendance.crowds.remove(&row);
        }
    }

    /// How many are present.
    #[must_use]
    pub fn headcount(&self, row: u32) -> Headcount {
        self.attendance.crowds.get(&row).copied().unwrap_or_default()
    }

    /// Whether one more coming or going may be told of in this second; counts it if so.
    pub fn may_tell(&mut self, row: u32, most: u32, now: Instant) -> bool {
        let second = now.as_millis() / 1_000;
        let told = self.attendance.told.entry(row).or_insert((second, 0));
        if told.0 != second {
            *told = (second, 0);
        }
        let may = told.1 < most;
        told.1 += u32::from(may);
        may
    }

    /// Rows that attendance holds: subjects, users in them, subjects that were told of.
    #[must_use]
    pub fn attendance_rows(&self) -> usize {
        self.attendance.crowds.len() + self.attendance.users.len() + self.attendance.told.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::time::Duration;

    use base::SubjectKey;

    #[test]
    fn clients_and_users_are_counted_and_the_row_stays_as_long() {
        let mut hub = Hub::new(SubjectKey([7, 9]), vec![], 0, 100);
        let (row, other) = (hub.enter("a"), hub.enter("b"));
        for user in [1, 1, 2] {
            hub.attend(row, user);
        }
        hub.attend(other, 1);
        assert_eq!(hub.headcount(row), Headcount { clients: 3, users: 2 });
        hub.depart(row, 1);
        assert_eq!(hub.headcount(row), Headcount { clients: 2, users: 2 });
        hub.depart(row, 1);
        assert_eq!(hub.headcount(row), Headcount { clients: 1, users: 1 });
        assert!(!hub.release(row));
        hub.depart(row, 2);
        assert_eq!(hub.headcount(row), Headcount::default());
        assert!(hub.release(row));
        assert_eq!(hub.attendance_rows(), 2);
        hub.depart(other, 1);
        assert!(hub.release(other));
        assert_eq!((hub.attendance_rows(), hub.subjects()), (0, 0));
    }

    #[test]
    fn comings_and_goings_are_told_so_often_a_second() {
        let mut hub = Hub::new(SubjectKey([7, 9]), vec![], 0, 100);
        let row = hub.enter("a");
        let now = Instant::from_nanos(5_900_000_000);
        let told = |hub: &mut Hub, now| (0..9).filter(|_| hub.may_tell(row, 3, now)).count();
        assert_eq!(told(&mut hub, now), 3);
        assert_eq!(told(&mut hub, now + Duration::from_millis(99)), 0);
        assert_eq!(told(&mut hub, now + Duration::from_millis(100)), 3);
        assert!(hub.release(row));
        assert_eq!(hub.attendance_rows(), 0);
    }
}
