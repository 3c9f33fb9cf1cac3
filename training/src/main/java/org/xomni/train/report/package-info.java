/**
 * How runs of training went, as one page of HTML for a person: {@link org.xomni.train.report.RunReport}. A run's folder is described at
 * {@link org.xomni.train.TrainingLoop}; only {@code metrics.jsonl} must be there.
 */
@NullMarked
package org.xomni.train.report;

import org.jspecify.annotations.NullMarked;
