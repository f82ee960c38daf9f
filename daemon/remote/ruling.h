/* ruling.h - what the rule that holds makes of an answer. */
#ifndef REMOTE_RULING_H
#define REMOTE_RULING_H

#include "daemon/remote/case_file.h"
#include "daemon/remote/rule.h"

/* Fill in the verdict as the rule says, or as its budget does when that is used up. 0 or -ENOMEM. */
int ruling_apply(struct case_file *file, const struct rule *rule);

#endif
