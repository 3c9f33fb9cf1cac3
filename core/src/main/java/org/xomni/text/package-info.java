/** TODO text. */
@NullMarked
package org.xomni.text;

import org.jspecify.annotations.NullMarked;
