// Refuses packets while its parameters contradict each other: a change that is seen in part.
pifo.scheduler @changes capacity(64) {
  pifo.field @class : i8 below 2
  pifo.node @root rank(i64, late) {
    pifo.table variable @weight by child = dense<[7, 7]> : tensor<2xi64>
    pifo.state @first written_by(caller) = 7 : i64
    pifo.state @last written_by(caller) = 7 : i64
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      %weight = pifo.lookup @weight : i64
      pifo.yield %may, %rank, %weight, %rank : i1, i64, i64, i64
    }
    pifo.admit {
      %first = pifo.load @first : i64
      %last = pifo.load @last : i64
      %same = arith.cmpi eq, %first, %last : i64
      pifo.yield %same : i1
    }
    pifo.node @a rank(i1, saturate) {
      pifo.predicate {
        %class = pifo.read_field @class : i8
        %zero = arith.constant 0 : i8
        %is = arith.cmpi eq, %class, %zero : i8
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i2
        pifo.yield %zero : i2
      }
    }
    pifo.node @b rank(i1, saturate) {
      pifo.predicate {
        %class = pifo.read_field @class : i8
        %zero = arith.constant 0 : i8
        %is = arith.cmpi ne, %class, %zero : i8
        pifo.yield %is : i1
      }
      pifo.state @unused written_by(caller) = -1 : i64
      pifo.scheduling {
        %zero = arith.constant 0 : i2
        pifo.yield %zero : i2
      }
    }
  }
}
