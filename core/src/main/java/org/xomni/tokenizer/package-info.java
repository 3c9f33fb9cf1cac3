/** TODO tokenizer. */
@NullMarked
package org.xomni.tokenizer;

import org.jspecify.annotations.NullMarked;
