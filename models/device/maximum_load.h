/* The busiest of some groups when jobs fall on them at random. */
#ifndef KERF_DEVICE_MAXIMUM_LOAD_H
#define KERF_DEVICE_MAXIMUM_LOAD_H

/* Expected number of jobs on the busiest of `groups` when each job picks a group at random: the maximum of a
 * multinomial. At least ceil(jobs / groups), at most jobs, jobs for one group; within 12 % of the exact
 * value. (Within one token the experts are distinct, which evens the load out a little: not modelled.) */
double kerf_expected_maximum_load(double jobs, double groups);

#endif
