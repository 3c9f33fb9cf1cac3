/**
 * Reads text in pictures, for the rewards of reinforcement learning (paper, section 3.3) and for scoring: {@link org.xomni.ocr.TextReader}.
 * Detection is DBNet (arXiv 1911.08947) and recognition a CTC model, both of PP-OCR (arXiv 2009.09941), run by ONNX Runtime on the CPU;
 * their weights come from the class path. {@link org.xomni.ocr.TextAccuracy} compares what was read with what was asked for.
 */
@NullMarked
package org.xomni.ocr;

import org.jspecify.annotations.NullMarked;
