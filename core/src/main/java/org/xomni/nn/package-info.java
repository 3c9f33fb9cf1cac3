/** TODO nn. */
@NullMarked
package org.xomni.nn;

import org.jspecify.annotations.NullMarked;
