// Operands of any width: four scalars an access, of which the first `count` are there.
#import lib/matmul/left_scalar
#import lib/matmul/right_scalar
#import lib/matmul/out_scalar
