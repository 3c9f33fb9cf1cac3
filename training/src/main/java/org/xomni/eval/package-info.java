/**
 * How good a model is: {@link org.xomni.eval.SignsEvaluation} runs it on held-out signs, {@link org.xomni.eval.SignsScorer} compares what
 * was drawn with what was asked for, and reports carry 95% intervals ({@link org.xomni.eval.Interval}).
 */
@NullMarked
package org.xomni.eval;

import org.jspecify.annotations.NullMarked;
