/** TODO image. */
@NullMarked
package org.xomni.image;

import org.jspecify.annotations.NullMarked;
