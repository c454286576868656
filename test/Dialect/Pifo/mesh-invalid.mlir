// RUN: nm-opt %s -split-input-file -verify-diagnostics

// One well-formed mesh with one thing wrong at a time. The rules are those of the
// JSON reader.

// A clock is no float.
// expected-error@below {{[pifo_mesh_c1] has clock 'f32', expected a signless integer}}
pifo.mesh @m now(f32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

// expected-error@below {{[pifo_mesh_c2] now-bits is 65, expected 2 to 64}}
pifo.mesh @m now(i65) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @packet : i2
  // expected-error@below {{[pifo_mesh_c2] field 'packet' is declared twice}}
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @packet : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  // expected-error@below {{[pifo_mesh_c2] bits of field 'packet' is 80, expected 1 to 64}}
  pifo.mesh.field @packet : i80
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

// expected-error@below {{[pifo_mesh_c2] number of roots is 0, expected 1 to 4096}}
pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  // expected-error@below {{[pifo_mesh_c1] names @level0, expected @block::@pifo}}
  pifo.mesh.root @level0
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  // expected-error@below {{[pifo_mesh_c1] names block '@level1', which does not exist}}
  pifo.mesh.root @level1::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  // expected-error@below {{[pifo_mesh_c1] names logical pifo '@leaf', which does not exist}}
  pifo.mesh.root @level0::@leaf
}

// -----

// Numbers of attributes are as wild as any input.
pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  // expected-error@below {{[pifo_mesh_c1] has elements = -64, expected 0 to 2^31 - 1}}
  pifo.mesh.block @level0 depth(0) elements(-64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  // expected-error@below {{[pifo_mesh_c1] has elements = 4294967360, expected 0 to 2^31 - 1}}
  pifo.mesh.block @level0 depth(0) elements(4294967360) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(1) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  // expected-error@below {{[pifo_mesh_c2] root block 'level0' must have depth 0 and not be a shaping block}}
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  // expected-error@below {{[pifo_mesh_c1] names field '@handle', which does not exist}}
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@handle] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  // expected-error@below {{[pifo_mesh_c2] block 'level0': carry lists field 1, which does not exist or is listed twice}}
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet, @packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    // expected-error@below {{[pifo_mesh_c2] block 'level0': entries of state 'count' is 0, expected 1 to 1048576}}
    pifo.mesh.state @count[0] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    // expected-error@below {{[pifo_mesh_c1] begins with 0 : i128, expected an integer of 1 to 64 bits}}
    pifo.mesh.state @count[4] = 0 : i128
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    // expected-error@below {{[pifo_mesh_c1] begins with 0.000000e+00 : f32, expected an integer of 1 to 64 bits}}
    pifo.mesh.state @count[4] = 0.0 : f32
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

// The entry value of two bits reaches further.
pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[3] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push': state 'count' has 3 entries, fewer than its entry value reaches}}
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push', value 0: the widths of field do not match}}
      %f = pifo.mesh.read @flow : i4
      %n = pifo.mesh.load @count[%f : i4] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i4] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i4
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      // expected-error@below {{[pifo_mesh_c1] names field '@class', which does not exist}}
      %f = pifo.mesh.read @class : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      // expected-error@below {{[pifo_mesh_c1] names state '@counts', which does not exist}}
      %n = pifo.mesh.load @counts[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

// An operation that is none of an atom.
pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      // expected-error@below {{[pifo_mesh_c3] is an operation that no atom has}}
      %m = arith.maxsi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push', value 2: only a dequeue program sees a rank}}
      %one = pifo.mesh.rank : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push': state 'count' is stored twice}}
      pifo.mesh.store %n, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push': an enqueue program needs a rank}}
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push': rank has 2 bits, expected 16}}
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %f : i2 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    // expected-error@below {{[pifo_mesh_c1] names program '@pop', which does not exist}}
    pifo.mesh.pifo @root enqueue(@pop) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push': used both at enqueue and at dequeue}}
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) dequeue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      // expected-error@below {{[pifo_mesh_c2] block 'level0', logical pifo 'root': next hop of flows 2 and on (4), but the block has 4 flows}}
      pifo.mesh.next flows(2, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      // expected-error@below {{[pifo_mesh_c2] block 'level0', logical pifo 'root': next hop to block 'level0' of depth 0, expected a scheduling block of depth 1}}
      pifo.mesh.next flows(0, 4) dequeue @level0::@root
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      // expected-error@below {{[pifo_mesh_c1] names leaf '@leaf', which does not exist}}
      pifo.mesh.next flows(0, 4) resume @leaf
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      // expected-error@below {{[pifo_mesh_c2] block 'level0', logical pifo 'root': next hop 'resume' stands in shaping blocks, and nothing else does}}
      pifo.mesh.next flows(0, 4) resume @root
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    // expected-error@below {{[pifo_mesh_c2] block 'level0', route of leaf 0: the program's flow has 2 bits, the route 1}}
    pifo.mesh.route @root to @root flows(0, 1)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  // expected-error@below {{[pifo_mesh_c2] leaf 'root': no route}}
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    // expected-error@below {{[pifo_mesh_c2] block 'level0', route of leaf 0: only a scheduling block below the root suspends the walk}}
    pifo.mesh.route @root to @root flows(0, 2) suspends
  }
  pifo.mesh.root @level0::@root
}

// -----

// Nothing else has a place in a mesh.
pifo.mesh @m now(i32) {
  pifo.mesh.field @flow : i2
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  // expected-error@below {{[pifo_mesh_c3] has no place here}}
  %c = arith.constant 1 : i32
  pifo.mesh.block @level0 depth(0) elements(64) flows(4) pifos(4) rank(i16, plain) carry [@packet] {
    pifo.mesh.state @count[4] = 0 : i16
    pifo.mesh.program @push {
      %f = pifo.mesh.read @flow : i2
      %n = pifo.mesh.load @count[%f : i2] : i16
      %one = arith.constant 1 : i16
      %m = arith.addi %n, %one : i16
      pifo.mesh.store %m, @count[%f : i2] : i16
      pifo.mesh.yield rank %m : i16 flow %f : i2
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 4) transmit
    }
    pifo.mesh.route @root to @root flows(0, 2)
  }
  pifo.mesh.root @level0::@root
}

// -----

// A classifier sees fields, and yields a leaf.

pifo.mesh @m now(i32) {
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.classifier {
    // expected-error@below {{[pifo_mesh_c2] classifier, value 0: a classifier sees packet fields only, found now}}
    %now = pifo.mesh.now : i32
    pifo.mesh.yield leaf %now : i32
  }
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.classifier {
    %leaf = pifo.mesh.read @packet : i32
    // expected-error@below {{[pifo_mesh_c3] expected rank and flow of a program, or the leaf of a classifier}}
    pifo.mesh.yield rank %leaf : i32
  }
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  // expected-error@below {{[pifo_mesh_c2] classifier: bits of the leaf is 32, expected 1 to 16}}
  pifo.mesh.classifier {
    %leaf = pifo.mesh.read @packet : i32
    pifo.mesh.yield leaf %leaf : i32
  }
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.classifier {
    // expected-error@below {{[pifo_mesh_c3] touches state, which a classifier does not have}}
    %leaf = pifo.mesh.load @count : i1
    pifo.mesh.yield leaf %leaf : i1
  }
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @packet : i32
  pifo.mesh.leaf @root
  pifo.mesh.classifier {
    %leaf = arith.constant 0 : i1
    pifo.mesh.yield leaf %leaf : i1
  }
  // expected-error@below {{[pifo_mesh_c3] has no place here}}
  pifo.mesh.classifier {
    %leaf = arith.constant 0 : i1
    pifo.mesh.yield leaf %leaf : i1
  }
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

// Fields of the packet that leaves.

pifo.mesh @m now(i32) {
  pifo.mesh.field @mark : i4
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.program @pop {
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'pop', value 0: a dequeue program sees the fields that its block carries, and 'mark' is none of them}}
      %m = pifo.mesh.read @mark : i4
      pifo.mesh.write %m, @mark : i4
      pifo.mesh.yield
    }
    pifo.mesh.pifo @root enqueue(@push) dequeue(@pop) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @mark : i4
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [@mark] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.program @pop {
      %m = pifo.mesh.read @mark : i4
      pifo.mesh.write %m, @mark : i4
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'pop': field 'mark' is written twice}}
      pifo.mesh.write %m, @mark : i4
      pifo.mesh.yield
    }
    pifo.mesh.pifo @root enqueue(@push) dequeue(@pop) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @mark : i4
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [@mark] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.program @pop {
      %m = arith.constant 1 : i5
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'pop': the value written has 5 bits, field 'mark' has 4}}
      pifo.mesh.write %m, @mark : i5
      pifo.mesh.yield
    }
    pifo.mesh.pifo @root enqueue(@push) dequeue(@pop) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}

// -----

pifo.mesh @m now(i32) {
  pifo.mesh.field @mark : i4
  pifo.mesh.leaf @root
  pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(4) rank(i16, plain) carry [@mark] {
    pifo.mesh.program @push {
      %zero = arith.constant 0 : i16
      %m = pifo.mesh.read @mark : i4
      // expected-error@below {{[pifo_mesh_c2] block 'level0', program 'push': writes field 'mark', which only a dequeue program does}}
      pifo.mesh.write %m, @mark : i4
      pifo.mesh.yield rank %zero : i16
    }
    pifo.mesh.pifo @root enqueue(@push) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @root to @root flows(0, 0)
  }
  pifo.mesh.root @level0::@root
}
