/**
 * Matrix-vector products on the CPU, written with the JDK's Vector API, for decoding one token at a time, and what stands between them.
 *
 * <p>Why: such a product is bound by reading the weights, and libtorch's read them at 6.6 GB/s in fp32, 18 in bf16 and 13 in int8 on a
 * machine with AVX2 and two cores that reads about 30, and each of its operations costs 2 to 60 microseconds besides. A {@link
 * org.xomni.nn.host.HostMatrix} is a {@link org.xomni.nn.Linear} over the same memory, a {@link org.xomni.nn.host.HostVector} what it
 * multiplies, a {@link org.xomni.tensor.Team} the threads that share the rows. Activations are fp32;
 * where the CPU has instructions for bf16, short rows of bf16 round them first and are multiplied by oneDNN's kernel ({@link org.xomni.nn.host.Bf16Gemm}); where it has instructions for
 * bytes, int8 is multiplied by another ({@link org.xomni.nn.host.Int8Gemm}).
 *
 * <p>Numbers, median share of the read bandwidth that plain reads of as many bytes reach in turns with the products, two threads on two AVX2
 * cores of a shared machine (20 to 26 GB/s at the time): fp32 97 to 109%, bf16 81 to 106%, int8 70 to 84% for matrices of 512 to 16384 rows. On
 * AVX2 int8 is bound by unpacking: 22 GB/s from the cache; with instructions for bytes it is not (docs/log.md, 2026-11-30). Printed by
 *
 * <pre>
 * mvn -q -pl core test-compile dependency:build-classpath -Dmdep.outputFile=target/classpath
 * java --enable-native-access=ALL-UNNAMED --add-modules jdk.incubator.vector \
 *     -cp core/target/classes:core/target/test-classes:$(cat core/target/classpath) org.xomni.nn.host.HostMatrixBench 2
 * </pre>
 */
@NullMarked
package org.xomni.nn.host;

import org.jspecify.annotations.NullMarked;
