;; What is done to the rows of a leaf: summing gradients and hessians by bin, and parting the rows at a split.
;; tooling/wat.ts turns this text into leaf-rows.wasm.ts. Bins lie in a memory that the workers share, all else in a memory of the worker's own.
(module
  (import "trees" "own" (memory $own 1))
  (import "trees" "bins" (memory $bins 1 65536 shared))

  ;; Rows are the whole numbers from $order to $end. $cells has the address of each feature's first cell; a cell is two
  ;; float64, whose sums are exact. Rows of a small leaf lie far apart: $ahead bytes of the order are looked through
  ;; first, so that their cache lines are fetched together; 0 for none. The result means nothing.
  (func (export "accumulate")
    (param $order i32) (param $end i32) (param $gradients i32) (param $hessians i32)
    (param $firstBin i32) (param $cells i32) (param $features i32) (param $ahead i32)
    (result i32)
    (local $row i32) (local $at i32) (local $bin i32) (local $pair v128)
    (local $feature i32) (local $pairs i32)   ;; addresses in $cells: of the feature, and after the last pair of them
    (local $cell i32) (local $other i32)
    (local $seen i32) (local $next i32) (local $sum i32)
    (local.set $pairs
      (i32.add (local.get $cells) (i32.shl (i32.and (local.get $features) (i32.const -2)) (i32.const 2))))
    (local.set $seen (select (local.get $order) (local.get $end) (local.get $ahead)))
    (block $done
      (loop $rows
        (br_if $done (i32.ge_u (local.get $order) (local.get $end)))

        (if (i32.and (i32.ge_u (local.get $order) (local.get $seen)) (i32.ne (local.get $ahead) (i32.const 0)))
          (then
            (local.set $next (local.get $order))
            (local.set $seen (i32.add (local.get $order) (local.get $ahead)))
            (if (i32.gt_u (local.get $seen) (local.get $end)) (then (local.set $seen (local.get $end))))
            (loop $touch
              (local.set $row (i32.load $own (local.get $next)))
              (local.set $at (i32.shl (local.get $row) (i32.const 2)))
              (local.set $bin (i32.add (local.get $firstBin) (i32.mul (local.get $row) (local.get $features))))
              (local.set $sum
                (i32.add (local.get $sum)
                  (i32.add
                    (i32.add
                      (i32.load8_u $bins (local.get $bin))
                      (i32.load8_u $bins
                        (i32.add (local.get $bin) (i32.sub (local.get $features) (i32.const 1)))))
                    (i32.add
                      (i32.load $own (i32.add (local.get $gradients) (local.get $at)))
                      (i32.load $own (i32.add (local.get $hessians) (local.get $at)))))))
              (local.set $next (i32.add (local.get $next) (i32.const 4)))
              (br_if $touch (i32.lt_u (local.get $next) (local.get $seen))))))

        (local.set $row (i32.load $own (local.get $order)))
        (local.set $order (i32.add (local.get $order) (i32.const 4)))
        (local.set $at (i32.shl (local.get $row) (i32.const 2)))
        (local.set $pair
          (f64x2.convert_low_i32x4_s
            (v128.load32_lane $own 1
              (i32.add (local.get $hessians) (local.get $at))
              (v128.load32_zero $own (i32.add (local.get $gradients) (local.get $at))))))
        (local.set $bin (i32.add (local.get $firstBin) (i32.mul (local.get $row) (local.get $features))))
        (local.set $feature (local.get $cells))
        ;; Two features at a time: their cells never coincide, so the additions need not wait for one another.
        (block $paired
          (loop $pair
            (br_if $paired (i32.ge_u (local.get $feature) (local.get $pairs)))
            (local.set $cell
              (i32.add
                (i32.load $own (local.get $feature))
                (i32.shl (i32.load8_u $bins (local.get $bin)) (i32.const 4))))
            (local.set $other
              (i32.add
                (i32.load $own offset=4 (local.get $feature))
                (i32.shl (i32.load8_u $bins offset=1 (local.get $bin)) (i32.const 4))))
            (v128.store $own (local.get $cell) (f64x2.add (v128.load $own (local.get $cell)) (local.get $pair)))
            (v128.store $own (local.get $other) (f64x2.add (v128.load $own (local.get $other)) (local.get $pair)))
            (local.set $bin (i32.add (local.get $bin) (i32.const 2)))
            (local.set $feature (i32.add (local.get $feature) (i32.const 8)))
            (br $pair)))
        (if (i32.and (local.get $features) (i32.const 1))
          (then
            (local.set $cell
              (i32.add
                (i32.load $own (local.get $feature))
                (i32.shl (i32.load8_u $bins (local.get $bin)) (i32.const 4))))
            (v128.store $own (local.get $cell) (f64x2.add (v128.load $own (local.get $cell)) (local.get $pair)))))
        (br $rows)))
    (local.get $sum))

  ;; Puts the rows of $order to $end whose bin is at most $last, or is $missing, before the others, each in its old
  ;; order; $firstBin is the first row's bin of the feature. Gives the address of the first of the others. Each row is
  ;; written to both sides and kept on one: no branch that the processor would guess wrong half of the time.
  (func (export "partition")
    (param $order i32) (param $end i32) (param $spare i32)
    (param $firstBin i32) (param $features i32) (param $last i32) (param $missing i32)
    (result i32)
    (local $row i32) (local $bin i32) (local $left i32) (local $others i32) (local $step i32)
    (local.set $left (local.get $order))
    (local.set $others (local.get $spare))
    (block $done
      (loop $rows
        (br_if $done (i32.ge_u (local.get $order) (local.get $end)))
        (local.set $row (i32.load $own (local.get $order)))
        (local.set $order (i32.add (local.get $order) (i32.const 4)))
        (local.set $bin
          (i32.load8_u $bins
            (i32.add (local.get $firstBin) (i32.mul (local.get $row) (local.get $features)))))
        (local.set $step
          (i32.shl
            (i32.or
              (i32.le_u (local.get $bin) (local.get $last))
              (i32.eq (local.get $bin) (local.get $missing)))
            (i32.const 2)))
        (i32.store $own (local.get $left) (local.get $row))
        (i32.store $own (local.get $others) (local.get $row))
        (local.set $left (i32.add (local.get $left) (local.get $step)))
        (local.set $others (i32.add (local.get $others) (i32.sub (i32.const 4) (local.get $step))))
        (br $rows)))
    (memory.copy $own $own
      (local.get $left) (local.get $spare) (i32.sub (local.get $others) (local.get $spare)))
    (local.get $left)))
